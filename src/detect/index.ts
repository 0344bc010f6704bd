import blockedCaller from './blocked-caller.ts';
import bruteForce from './brute-force.ts';
import outOfHoursCalls from './out-of-hours-calls.ts';
import registrationHijack from './registration-hijack.ts';
import scan from './scan.ts';
import unregisteredCaller from './unregistered-caller.ts';

export type { Detector, DetectorDefinition, Shared } from './detector.ts';

/** All detectors. A new one is a file and a line here and below. */
export const detectors = [
  blockedCaller,
  bruteForce,
  outOfHoursCalls,
  registrationHijack,
  scan,
  unregisteredCaller,
] as const;

/** Schema of the `[detect.*]` sections, by detector name; a missing section means its defaults. */
export const detectorParameters = {
  'blocked-caller': blockedCaller.parameters.prefault({}),
  'brute-force': bruteForce.parameters.prefault({}),
  'out-of-hours-calls': outOfHoursCalls.parameters.prefault({}),
  'registration-hijack': registrationHijack.parameters.prefault({}),
  scan: scan.parameters.prefault({}),
  'unregistered-caller': unregisteredCaller.parameters.prefault({}),
} as const;
