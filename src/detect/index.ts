import { z } from 'zod';
import bruteForce from './brute-force.ts';
import outOfHoursCalls from './out-of-hours-calls.ts';
import registrationHijack from './registration-hijack.ts';
import scan from './scan.ts';
import unregisteredCaller from './unregistered-caller.ts';

export type { Detector, DetectorDefinition } from './detector.ts';

/** All detectors. A new one is a file and a line here and below. */
export const detectors = [bruteForce, outOfHoursCalls, registrationHijack, scan, unregisteredCaller] as const;

/** Schema of the `[detect.*]` sections, by detector name; a missing section means its defaults. */
export const detectorParameters = {
  'brute-force': bruteForce.parameters.prefault({}),
  'out-of-hours-calls': outOfHoursCalls.parameters.prefault({}),
  'registration-hijack': registrationHijack.parameters.prefault({}),
  scan: scan.parameters.prefault({}),
  'unregistered-caller': unregisteredCaller.parameters.prefault({}),
} as const;

/** One parameter as people see it: default as it is written in the settings, help with its unit. */
export interface ParameterHelp {
  readonly name: string;
  readonly initial: string | number | boolean;
  readonly help: string;
}

export function parameterHelp(parameters: z.ZodObject): ParameterHelp[] {
  const { properties } = z.toJSONSchema(parameters, { io: 'input' });
  return Object.entries(properties ?? {}).map(([name, property]) => {
    const { default: initial, description } = property as { default?: string | number | boolean; description?: string };
    return { name, initial: initial ?? '', help: description ?? '' };
  });
}
