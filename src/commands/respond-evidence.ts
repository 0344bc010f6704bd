import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { nearest } from '../config.ts';
import { detectors } from '../detect/index.ts';
import { InputError, messageOf, RingfenceError } from '../errors.ts';
import { SEVERITIES, type Evidence, type Millis, type Severity, type SourceProof } from '../model.ts';

/** Evidence to be tried on the policy, as the command line describes it. */
export interface MadeUp {
  readonly detector?: string;
  readonly severity?: Severity;
  readonly account?: readonly string[];
  readonly address?: readonly string[];
  readonly number?: readonly string[];
  readonly proof: SourceProof;
  readonly at?: Millis;
}

/** Is there anything of it? */
export const isMadeUp = ({ detector, account, address, number }: MadeUp): boolean =>
  [detector, account, address, number].some((given) => given !== undefined);

/** A call stands in where evidence would name its calls. */
const EXAMPLE_CALL = 'example-call';

/** @throws RingfenceError usage: no such detector, or nothing that it could be about */
export function madeUp(made: MadeUp, now: Millis): Evidence {
  const { detector, severity = 'high', account = [], address = [], number = [], proof } = made;
  const names = detectors.map(({ name }) => name);
  if (detector === undefined)
    throw new RingfenceError('usage', `--detector is missing; there are: ${names.join(', ')}`);
  if (!(names as readonly string[]).includes(detector)) {
    const near = nearest(detector, names);
    const hint = near === null ? `there are: ${names.join(', ')}` : `did you mean ${near}?`;
    throw new RingfenceError('usage', `there is no detector "${detector}"; ${hint}`);
  }
  const subjects = [
    ...account.map((value) => ({ type: 'account' as const, value })),
    ...address.map((value) => ({ type: 'address' as const, value })),
    ...number.map((value) => ({ type: 'number' as const, value })),
  ];
  // several accounts are what an attacker from an address tried
  const subject = account.length > 1 && address.length > 0 ? subjects[account.length] : subjects[0];
  if (subject === undefined)
    throw new RingfenceError('usage', 'say what it is about: --account, --address or --number');
  const calls = number.length > 0 ? [EXAMPLE_CALL] : [];
  return {
    id: 'example',
    key: 'example',
    detector,
    at: made.at ?? now,
    severity,
    subject,
    summary: `An example: ${detector}, ${severity}`,
    facts: number.length > 0 ? { numbers: number } : {},
    calls,
    callKeys: calls,
    sources: address,
    sourceProof: proof,
    accounts: account.filter((name) => name !== subject.value),
  };
}

const instant = z.union([z.number(), z.string().transform(Date.parse)]).refine((at) => Number.isFinite(at), {
  error: 'a time such as 2026-11-21T01:13:04.512Z',
});

/** Evidence as JSON: of `alerts show --format json`, or an alert line; what is not given is empty. */
const evidenceSchema = z.object({
  id: z.string().optional(),
  key: z.string().optional(),
  detector: z.string(),
  at: instant,
  severity: z.enum(SEVERITIES),
  subject: z.object({ type: z.enum(['account', 'address', 'number', 'trunk']), value: z.string() }),
  summary: z.string().default(''),
  facts: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]))
    .default({}),
  calls: z.array(z.string()).default([]),
  callKeys: z.array(z.string()).default([]),
  sources: z.array(z.string()).default([]),
  sourceProof: z.enum(['none', 'answered', 'authenticated']).default('none'),
  accounts: z.array(z.string()).default([]),
});
const several = z.union([
  z.object({ evidence: z.array(evidenceSchema) }).transform(({ evidence }) => evidence),
  z.array(evidenceSchema),
  evidenceSchema.transform((one) => [one]),
]);

/** Reads evidence from a JSON file: one piece, a list, or an incident with its evidence. @throws InputError */
export function readEvidence(path: string): Evidence[] {
  let tree: unknown;
  try {
    tree = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const code = error instanceof SyntaxError ? 'input-malformed' : 'input-unreadable';
    throw new InputError(code, `cannot read the evidence in ${path}: ${messageOf(error)}`, { cause: error });
  }
  const read = several.safeParse(tree);
  if (!read.success)
    throw new InputError(
      'input-malformed',
      `${path} holds no evidence: what ringfence alerts show --format json prints is some, or {"detector", "at", "severity", "subject": {"type", "value"}}`,
    );
  return read.data.map((one, index): Evidence => {
    const key = one.key ?? one.id ?? String(index);
    return { ...one, key, id: one.id ?? key };
  });
}
