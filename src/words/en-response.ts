import type { Action } from '../model.ts';
import { formatDuration } from '../time.ts';
import { visible } from './visible.ts';
import type { ResponseBounds, ResponseWords, RuleConditions } from './words.ts';

/** What an action does, without saying to whom. */
const DEEDS: Readonly<Record<Action, string>> = {
  none: 'nothing',
  'hang-up': 'hang up the calls',
  'expire-contact': "end the attacker's registration",
  'block-international': 'block calls abroad of the account',
  'block-account': 'block all calls of the account',
  'block-address': 'block the address',
  'block-number': 'block the number',
  'rotate-secret': 'give the account a new password',
};

/** The same of one target. */
const deedTo = (action: Action, target: string): string => {
  switch (action) {
    case 'none':
      return 'do anything';
    case 'hang-up':
      return `hang up call ${target}`;
    case 'expire-contact':
      return `end a registration of ${target}`;
    case 'block-international':
      return `block calls abroad of ${target}`;
    case 'block-account':
    case 'block-address':
    case 'block-number':
      return `block ${target}`;
    case 'rotate-secret':
      return `give ${target} a new password`;
  }
};

/** All that can be forbidden. */
const EVERYTHING = Object.keys(DEEDS).length - 1;

const either = (values: readonly string[]): string => {
  const shown = values.map((value) => visible(value, 64));
  const last = shown.at(-1) ?? '';
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(', ')} or ${last}`;
};

function conditions(rule: RuleConditions): string {
  const { detectors, incidents, severity, severityOf, subjects, accounts, groups, knownAccount, hours, numbers } = rule;
  const parts: string[] = [
    detectors === null ? '' : `seen by ${either(detectors)}`,
    incidents === null ? '' : `in an incident of class ${either(incidents)}`,
    severity === null ? '' : `${severityOf} ${severity}${severity === 'critical' ? '' : ' or graver'}`,
    subjects === null ? '' : `about an ${either(subjects)}`.replace(/^about an (?=[^a])/, 'about a '),
    accounts === null ? '' : `account ${either(accounts)}`,
    groups === null ? '' : `an account of group ${either(groups)}`,
    knownAccount === null ? '' : knownAccount ? 'an account of this PBX' : 'no account of this PBX to act on',
    hours === 'any' ? '' : `while ${hours}`,
    { any: '', abroad: 'costly numbers abroad called', national: 'costly numbers of this country called' }[numbers],
  ];
  return parts.filter((part) => part !== '').join('; ') || 'always';
}

function bounds({ mode, observed, repeat, limits }: ResponseBounds): string[] {
  const { within, factor, longest } = repeat;
  const again =
    factor === 1
      ? 'Who is blocked again is blocked as long as the first time.'
      : `Who is blocked again within ${formatDuration(within)} of the end of his block is blocked ${factor} times as long each time, ${formatDuration(longest)} at the most.`;
  const share = `${Math.round(limits.accounts * 100)} % of the accounts at once (${limits.accountsAtLeast} always)`;
  return [
    mode === 'observe' ? 'mode = "observe": all this is recorded and not done.' : 'mode = "enforce": this is done.',
    ...observed.map((setting) => `Recorded and not done: ${visible(setting, 300)}.`),
    again,
    `Rules put up ${limits.perHour} blocks an hour at the most, and block at most ${share}.`,
  ];
}

export const response: ResponseWords = {
  bounds,
  order:
    'Of each action, the first of these rules that fits the evidence and names the action decides. Emergency numbers, trunks, the PBX, addresses that nothing proves and accounts that nobody knows are spared by every rule.',
  labels: { when: 'when', does: 'does', never: 'never', why: 'why' },
  conditions,
  does: (action, lasts) => `${DEEDS[action]}${lasts === null ? '' : ` for ${formatDuration(lasts)}`}`,
  never: (actions) =>
    actions.length === EVERYTHING ? 'anything at all' : actions.map((action) => DEEDS[action]).join('; '),
  forbidden: (action, rule) => `does not ${DEEDS[action]}: ${rule} forbids it`,
  spared: (action, target, reason) => `does not ${deedTo(action, target)}: ${reason}`,
  refused: (reason) => `and would be kept from it by a safeguard: ${reason}`,
  observed: (setting) => `recorded and not done: ${setting}`,
  grown: (severity) => `of an incident that is ${severity} by now`,
  nothing: 'no rule does anything about this',
};
