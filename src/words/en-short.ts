import { severityRank, type Action, type Decision, type Evidence, type Incident, type Severity } from '../model.ts';
import { costOf, inState, meaningsOf } from './common.ts';

/** What each detector's word usually means, for somebody who has never heard of SIP. */
const MEANS: Readonly<Record<string, string>> = {
  'out-of-hours-calls':
    'Somebody telephones at your expense while nobody is in the office; often with a stolen password, to numbers that pay the thief.',
  'registration-hijack':
    'Another device has logged in as one of your phones. Whoever has it can call at your expense and gets the calls meant for you.',
  'unregistered-caller':
    'Calls are placed from a place where none of your phones is: through a gap in the PBX, or with a stolen password.',
  'blocked-caller': 'A block of ringfence may be hitting somebody who only wants to work.',
  'brute-force': 'Somebody tries one password after another to log in as one of your phones.',
  scan: 'Somebody is going from door to door, looking which telephones this PBX has. Nothing was taken yet.',
  'call-burst': 'A program, not a person, is dialling: so many calls so fast.',
  'repeated-destination': 'The same few costly numbers are called over and over, as nobody does for a talk.',
  'new-destination': 'A country or a kind of number was called that nobody here usually calls.',
  'risky-destination': 'Numbers were called that are costly, or known from fraud.',
  spend: 'Calls have cost more than was set as the most they may cost.',
  'test-call': 'Short calls try which costly numbers can be reached; the long ones usually follow.',
  'through-dial':
    'Calls come in from outside and leave again at your expense: through voicemail, a menu or call-through.',
  forwarding: 'A phone is forwarded to a costly number, and every call to it costs money.',
  wangiri: 'Calls ring once and hang up, so that somebody calls the costly number back.',
  flood: 'The PBX is being sent far more than it can need; telephones may stop working.',
  'spoofed-source': 'Messages reach the PBX that pretend to come from somewhere else.',
  'gateway-impersonation': 'Somebody pretends to be your telephone company or a gateway of yours.',
  replay: 'Recorded messages of one of your phones are being used again by somebody else.',
  teardown: 'Somebody who does not belong to a call tries to end it or to lead it elsewhere.',
  exposure: 'Keys or passwords travel where others can read them. Nothing need have happened yet.',
  latency: 'The line has become slow. This is about quality, not about an attack.',
  traffic: 'Much more, or much less, is being telephoned than usual at this hour.',
};

/** The same where it has come to that. */
const MEANS_CRITICAL: Readonly<Record<string, string>> = {
  'brute-force': 'Somebody has found out the password of one of your phones and has logged in with it.',
};

const URGENCY: Readonly<Record<Severity, string>> = {
  critical: 'This is happening now: act at once.',
  high: 'If it is an attack, it has not succeeded yet, or not fully: deal with it today.',
  medium: 'It is odd, and may be harmless: have a look during the day.',
  low: 'Nothing needs to be done; it is told for context.',
  info: 'Nothing needs to be done.',
};

const PAST: Readonly<Record<Action, readonly [one: string, many: (count: number) => string]>> = {
  none: ['done nothing', () => 'done nothing'],
  'hang-up': ['hung up a call', (n) => `hung up ${n} calls`],
  'block-account': ['blocked all calls of an account', (n) => `blocked all calls of ${n} accounts`],
  'block-international': ['blocked calls abroad of an account', (n) => `blocked calls abroad of ${n} accounts`],
  'block-number': ['blocked a number', (n) => `blocked ${n} numbers`],
  'block-address': ['blocked an address', (n) => `blocked ${n} addresses`],
  'expire-contact': ["ended the stranger's registration", (n) => `ended ${n} registrations of strangers`],
  'rotate-secret': ['given an account a new password', (n) => `given ${n} accounts new passwords`],
};

const and = (parts: readonly string[]): string =>
  parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}`;

function deeds(decisions: readonly Decision[]): string {
  const counts = new Map<Action, number>();
  for (const { action } of decisions) counts.set(action, (counts.get(action) ?? 0) + 1);
  return and([...counts].map(([action, n]) => (n === 1 ? PAST[action][0] : PAST[action][1](n))));
}

function response(decisions: readonly Decision[]): string {
  if (decisions.length === 0) return 'ringfence has done nothing about it.';
  const done = inState(decisions, 'done');
  const failed = inState(decisions, 'failed').length;
  const could = failed === 0 ? '' : ' Some of what it tried could not be done: see below.';
  if (done.length > 0) return `ringfence has ${deeds(done)}.${could}`;
  if (inState(decisions, 'pending').length > 0) return `ringfence is at work on it.${could}`;
  if (failed > 0) return 'ringfence tried to stop it and could not: somebody has to do it by hand, see below.';
  if (inState(decisions, 'observed').length > 0)
    return `ringfence only watches here and has done nothing; it would have ${deeds(inState(decisions, 'observed'))}.`;
  return 'What ringfence had done has ended or was taken back.';
}

function cost(
  incident: Incident,
  evidence: readonly Evidence[],
  money: (amount: number, currency: string) => string,
): string {
  const found = costOf(incident, evidence);
  const { loss } = incident;
  if (found.kind === 'untaken') return 'No call was taken at the other end: it has cost nothing yet.';
  if (found.kind === 'unknown') return 'What the calls cost is not known.';
  if (found.kind !== 'known' || loss === null) return 'No call is known to have been placed.';
  const on =
    found.hourly > 0 ? `; going on like that it would cost about ${money(found.hourly, loss.currency)} an hour` : '';
  return `It has cost ${loss.estimated ? 'about ' : ''}${money(loss.amount, loss.currency)} so far${on}.`;
}

/** The whole story in a few sentences: what it means, what it costs, what was done, how soon somebody must look. */
export function inShort(
  incident: Incident,
  evidence: readonly Evidence[],
  decisions: readonly Decision[],
  money: (amount: number, currency: string) => string,
): string[] {
  const many =
    incident.accounts.length > 1 && severityRank(incident.severity) >= severityRank('medium')
      ? [`${incident.accounts.length} accounts are involved.`]
      : [];
  return [
    ...meaningsOf(incident, evidence, MEANS, MEANS_CRITICAL),
    ...many,
    cost(incident, evidence, money),
    response(decisions),
    URGENCY[incident.severity],
  ];
}
