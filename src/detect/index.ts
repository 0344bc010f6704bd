import blockedCaller from './blocked-caller.ts';
import bruteForce from './brute-force.ts';
import callBurst from './call-burst.ts';
import exposure from './exposure.ts';
import flood from './flood.ts';
import forwarding from './forwarding.ts';
import gatewayImpersonation from './gateway-impersonation.ts';
import latency from './latency.ts';
import newDestination from './new-destination.ts';
import outOfHoursCalls from './out-of-hours-calls.ts';
import registrationHijack from './registration-hijack.ts';
import repeatedDestination from './repeated-destination.ts';
import replay from './replay.ts';
import riskyDestination from './risky-destination.ts';
import scan from './scan.ts';
import spend from './spend.ts';
import spoofedSource from './spoofed-source.ts';
import teardown from './teardown.ts';
import testCall from './test-call.ts';
import throughDial from './through-dial.ts';
import traffic from './traffic.ts';
import unregisteredCaller from './unregistered-caller.ts';
import wangiri from './wangiri.ts';

export type { Detector, DetectorDefinition, Shared } from './detector.ts';

/** All detectors. A new one is a file and a line here and below. */
export const detectors = [
  blockedCaller,
  bruteForce,
  callBurst,
  exposure,
  flood,
  forwarding,
  gatewayImpersonation,
  latency,
  newDestination,
  outOfHoursCalls,
  registrationHijack,
  repeatedDestination,
  replay,
  riskyDestination,
  scan,
  spend,
  spoofedSource,
  teardown,
  testCall,
  throughDial,
  traffic,
  unregisteredCaller,
  wangiri,
] as const;

/** Schema of the `[detect.*]` sections, by detector name; a missing section means its defaults. */
export const detectorParameters = {
  'blocked-caller': blockedCaller.parameters.prefault({}),
  'brute-force': bruteForce.parameters.prefault({}),
  'call-burst': callBurst.parameters.prefault({}),
  exposure: exposure.parameters.prefault({}),
  flood: flood.parameters.prefault({}),
  forwarding: forwarding.parameters.prefault({}),
  'gateway-impersonation': gatewayImpersonation.parameters.prefault({}),
  latency: latency.parameters.prefault({}),
  'new-destination': newDestination.parameters.prefault({}),
  'out-of-hours-calls': outOfHoursCalls.parameters.prefault({}),
  'registration-hijack': registrationHijack.parameters.prefault({}),
  'repeated-destination': repeatedDestination.parameters.prefault({}),
  replay: replay.parameters.prefault({}),
  'risky-destination': riskyDestination.parameters.prefault({}),
  scan: scan.parameters.prefault({}),
  spend: spend.parameters.prefault({}),
  'spoofed-source': spoofedSource.parameters.prefault({}),
  teardown: teardown.parameters.prefault({}),
  'test-call': testCall.parameters.prefault({}),
  'through-dial': throughDial.parameters.prefault({}),
  traffic: traffic.parameters.prefault({}),
  'unregistered-caller': unregisteredCaller.parameters.prefault({}),
  wangiri: wangiri.parameters.prefault({}),
} as const;
