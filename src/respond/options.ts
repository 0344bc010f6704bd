import { z } from 'zod';
import { SEVERITIES, type Action } from '../model.ts';
import { DAY, parseDuration } from '../time.ts';
import { RAISING_RULES } from './raising.ts';
import type { BudgetLimits } from './safeguards.ts';

/** [respond]: what is done about what. What one field can get wrong is told here, names that must exist by `unknownNames`. */

/** What rules may do, in the order in which it is begun: the running loss first, then the ways back in. */
export const RESPONSES = [
  'hang-up',
  'expire-contact',
  'block-international',
  'block-account',
  'block-address',
  'block-number',
  'rotate-secret',
] as const satisfies readonly Exclude<Action, 'none'>[];
export type Response = (typeof RESPONSES)[number];

/** Actions that stand until their end, and how long by default, where a rule does not say. */
export const LASTS = {
  /** over the night, until somebody is there to look */
  'block-international': '12h',
  /** the owner's calls too: as short as helps */
  'block-account': '1h',
  'block-address': '24h',
  'block-number': '24h',
} as const satisfies Partial<Record<Response, string>>;
/** Beside blocks, a new secret may have an end; without one it stands until it is taken back. */
const ENDING = [...(Object.keys(LASTS) as (keyof typeof LASTS)[]), 'rotate-secret'] as const;

const LONGEST = 30 * DAY;

/** A duration, kept as it is written. */
const span = z.string().check((context) => {
  const read = parseDuration(context.value);
  const wrong = !read.ok
    ? read.reason
    : read.value <= 0
      ? 'must be longer than 0'
      : read.value > LONGEST
        ? 'longer than 30d: nothing is blocked for longer'
        : null;
  if (wrong !== null) context.issues.push({ code: 'custom', input: context.value, message: wrong });
});

/** One, or a list of them. */
const some = <T extends z.ZodType<string>>(item: T, error: string) =>
  z.union([item, z.array(item).min(1)], { error }).optional();
const names = (what: string) => some(z.string().min(1).max(128), `${what}, or a list of them`);

const response = z.enum(RESPONSES);
const lasting = z.strictObject(
  Object.fromEntries(ENDING.map((action) => [action, span.optional()])) as Record<
    (typeof ENDING)[number],
    z.ZodOptional<typeof span>
  >,
);

const ruleOptions = z
  .strictObject({
    name: z.string().min(1).max(64).optional().describe('its name in alerts; without one its place in the list'),
    detector: names('the name of a detector').describe(
      'one detector or a list; ringfence detectors lists them; without it: all',
    ),
    incident: names('the class of an incident').describe(
      'class of the whole incident, one or a list: the detector of its gravest evidence, breach, calls-after-hijack',
    ),
    severity: z
      .enum(SEVERITIES)
      .optional()
      .describe('this grave or graver; without it: high for what the rule does, any for what it forbids'),
    severity_of: z
      .enum(['evidence', 'incident'])
      .default('evidence')
      .describe('whose severity: of the evidence itself, or of the whole incident that it belongs to'),
    subject: some(
      z.enum(['account', 'address', 'number', 'trunk']),
      'account, address, number or trunk, or a list',
    ).describe('what the evidence is about: account, address, number, trunk; one or a list'),
    account: names('an account').describe('the account that the evidence is about, one or a list'),
    group: names('a group').describe('a group of [groups] that the account is in, one or a list'),
    known_account: z
      .boolean()
      .optional()
      .describe('true: only where the account is one of the PBX; false: only where there is no such account to act on'),
    hours: z
      .enum(['any', 'open', 'closed'])
      .default('any')
      .describe("open or closed at that time, by the account's own hours if it has any"),
    numbers: z
      .enum(['any', 'abroad', 'national'])
      .default('any')
      .describe(
        'abroad: a chargeable number abroad was called; national: one that is not abroad (premium, shared cost)',
      ),
    do: z.array(response).optional().describe('what is done; [] = nothing, whatever later rules say'),
    never: z.array(response).optional().describe('what is not done about this, whatever later rules say'),
    for: z
      .union([span, lasting], { error: 'a duration such as "12h", 30d at the most, or { block-account = "1h" }' })
      .optional()
      .describe('how long blocks of this rule stand; one duration, or one for each action'),
    why: z.string().min(1).max(200).optional().describe('said beside what was done'),
  })
  .check((context) => {
    const { do: does, never } = context.value;
    const wrong = (path: string, message: string): void =>
      void context.issues.push({ code: 'custom', input: context.value, path: [path], message });
    if (does === undefined && never === undefined) wrong('do', 'must be given, or never');
    for (const action of never ?? [])
      if (does?.includes(action) === true) wrong('never', `"${action}" stands in do as well`);
  });

const lasts = z.strictObject({
  'block-international': span
    .default(LASTS['block-international'])
    .describe('calls abroad of an account; a duration, 30d at the most'),
  'block-account': span
    .default(LASTS['block-account'])
    .describe("all calls of an account, its owner's too; a duration"),
  'block-address': span.default(LASTS['block-address']).describe("an attacker's address; a duration"),
  'block-number': span.default(LASTS['block-number']).describe('a number that nobody may call; a duration'),
});

const repeat = z.strictObject({
  within: span.default('7d').describe('a target that is blocked again so soon after its block ended; a duration'),
  factor: z
    .number()
    .min(1)
    .max(100)
    .default(2)
    .describe('is blocked so many times as long as the time before; 1 = always as long as the first time'),
  longest: span.default('30d').describe('but not longer than this; a duration'),
});

const limits = z.strictObject({
  blocks_per_hour: z
    .int()
    .min(1)
    .max(10_000)
    .default(200)
    .describe('new blocks that rules may put up within an hour; then they stop, loudly'),
  accounts_share: z
    .number()
    .min(0)
    .max(1)
    .default(0.25)
    .describe('share of all accounts that rules may block at once; 0 to 1'),
  accounts_at_least: z.int().min(0).max(10_000).default(3).describe('so many accounts may always be blocked'),
});

const observe = z.strictObject({
  detectors: z.array(z.string()).default([]).describe('evidence of these detectors is never acted on'),
  accounts: z.array(z.string()).default([]).describe('accounts about which nothing is done'),
  groups: z.array(z.string()).default([]).describe('the same for the members of these groups'),
  actions: z.array(response).default([]).describe('what is not done, whatever the rule'),
});

export const respondOptions = z.strictObject({
  defaults: z
    .boolean()
    .default(true)
    .describe('do the shipped rules follow the rules below? ringfence respond test shows them'),
  rules: z
    .array(ruleOptions)
    .default([])
    .describe('rules of your own, [[respond.rules]]: of each action the first rule that fits decides'),
  lasts: lasts.prefault({}).describe('how long blocks stand where a rule does not say, counted from the last evidence'),
  repeat: repeat.prefault({}).describe('who is blocked again is blocked for longer'),
  limits: limits.prefault({}).describe('how much rules may block; what people block by hand is not counted'),
  media_encryption: z
    .array(z.string().min(1).max(128))
    .default([])
    .describe('accounts whose media a person may have encrypted otherwise by ringfence keys media; "*" is all'),
  observe: observe.prefault({}).describe('in enforce mode: what is only recorded all the same'),
});

export type RespondOptions = z.output<typeof respondOptions>;
export type RuleOptions = z.output<typeof ruleOptions>;

/** Fills in defaults; for tests and callers without a settings file. @throws z.ZodError */
export const respondDefaults = (input: z.input<typeof respondOptions> = {}): RespondOptions =>
  respondOptions.parse(input);

/** Milliseconds of a duration that the schema has checked. */
export function millisOf(text: string): number {
  const read = parseDuration(text);
  if (!read.ok) throw new RangeError(read.reason);
  return read.value;
}

/** What rules may block, as the safeguards count it. */
export const budgetOf = ({ limits }: RespondOptions): BudgetLimits => ({
  perHour: limits.blocks_per_hour,
  accounts: limits.accounts_share,
  accountsAtLeast: limits.accounts_at_least,
});

/** A list of one or more, as settings may write it. */
export const listOf = <T extends string>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

/** A name in [respond] that nothing has. */
export interface UnknownName {
  /** dotted as in the settings file */
  readonly path: string;
  readonly name: string;
  readonly what: 'detector' | 'group' | 'class of incidents';
  readonly known: readonly string[];
}

/** Names that must exist: detectors, groups, classes of incidents. */
export function unknownNames(
  respond: RespondOptions,
  known: { readonly detectors: readonly string[]; readonly groups: readonly string[] },
): UnknownName[] {
  const found: UnknownName[] = [];
  const look = (path: string, value: string | readonly string[] | undefined, what: UnknownName['what']): void => {
    const all =
      what === 'group'
        ? known.groups
        : what === 'detector'
          ? known.detectors
          : [...known.detectors, ...RAISING_RULES.map((rule) => rule.name)];
    for (const [index, name] of listOf(value).entries())
      if (!all.includes(name))
        found.push({ path: typeof value === 'string' ? path : `${path}.${index}`, name, what, known: all });
  };
  for (const [index, rule] of respond.rules.entries()) {
    look(`respond.rules.${index}.detector`, rule.detector, 'detector');
    look(`respond.rules.${index}.incident`, rule.incident, 'class of incidents');
    look(`respond.rules.${index}.group`, rule.group, 'group');
  }
  look('respond.observe.detectors', respond.observe.detectors, 'detector');
  look('respond.observe.groups', respond.observe.groups, 'group');
  return found;
}
