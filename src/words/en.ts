import type { Action, Decision, DecisionState, Fact, Millis, Subject } from '../model.ts';
import type { DialledNumber, NumberKind } from '../site/site.ts';
import { formatDuration, type WallTime, type Zone } from '../time.ts';
import * as advice from './en-advice.ts';
import { inShort } from './en-short.ts';
import { failure } from './en-failure.ts';
import { message } from './en-message.ts';
import { response } from './en-response.ts';
import { accountOf, hms, ISO, offset, spaced, two } from './common.ts';
import { shellWord, visible } from './visible.ts';
import type { TellingOf } from './show.ts';
import type { Words } from './words.ts';

const DAYS = ['', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const MONTHS = ['', 'Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const date = (w: WallTime): string => `${two(w.day)} ${MONTHS[w.month] ?? ''} ${w.year}`;

function time(at: Millis, zone: Zone): string {
  const wall = zone.wall(at);
  return `${DAYS[wall.weekday] ?? ''} ${date(wall)} ${hms(wall)} ${offset(at, zone)}`;
}

const accountName = (account: string): string =>
  /^\d{1,10}$/.test(account) ? `extension ${account}` : `account ${visible(account, 64)}`;

function subject({ type, value }: Subject): string {
  if (type === 'account') return accountName(value);
  return `${type} ${type === 'number' && /^[1-9]\d{6,14}$/.test(value) ? `+${value}` : visible(value, 64)}`;
}

const KINDS: Readonly<Record<NumberKind, string>> = {
  extension: 'extension',
  emergency: 'emergency',
  service: 'service',
  fixed: 'fixed line',
  mobile: 'mobile',
  'fixed-or-mobile': 'fixed line or mobile',
  'toll-free': 'toll-free',
  premium: 'premium rate',
  'shared-cost': 'shared cost',
  voip: 'VoIP',
  personal: 'personal number',
  pager: 'pager',
  uan: 'company number',
  satellite: 'satellite',
  'non-geographic': 'no country',
  unknown: 'unknown kind',
  invalid: 'not a valid number',
};

function number(n: DialledNumber): string {
  const shown = n.e164 === null ? visible(n.dialled, 40) : `+${n.e164}`;
  if (n.kind === 'extension') return `extension ${shown}`;
  return `${shown} (${n.place === null ? '' : `${visible(n.place, 60)}, `}${KINDS[n.kind]})`;
}

function money(amount: number, currency: string): string {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'code' })
      .format(amount)
      .replaceAll('\u00a0', ' ');
  } catch {
    // Not an ISO 4217 shape: the amount still counts.
    return `${amount.toFixed(2)} ${visible(currency, 10)}`;
  }
}

/** What an action does to its target: infinitive, and past participle. */
const ACTIONS: Readonly<Record<Action, (target: string) => readonly [string, string]>> = {
  none: () => ['do nothing', 'done nothing'],
  'hang-up': (call) => [`hang up call ${call}`, `hung up call ${call}`],
  'block-account': (a) => [`block all calls of ${accountName(a)}`, `blocked all calls of ${accountName(a)}`],
  'block-international': (a) => [
    `block international calls of ${accountName(a)}`,
    `blocked international calls of ${accountName(a)}`,
  ],
  'block-number': (n) => [
    `block calls to ${subject({ type: 'number', value: n })}`,
    `blocked calls to ${subject({ type: 'number', value: n })}`,
  ],
  'block-address': (a) => [`block address ${a}`, `blocked address ${a}`],
  'expire-contact': (a) => [
    `remove the foreign registration of ${accountName(a)}`,
    `removed the foreign registration of ${accountName(a)}`,
  ],
  'rotate-secret': (a) => [`give ${accountName(a)} a new password`, `given ${accountName(a)} a new password`],
};

const STATES: Readonly<Record<DecisionState, (to: string, past: string) => string>> = {
  observed: (to) => `would ${to}`,
  pending: (to) => `is about to ${to}`,
  done: (_to, past) => `has ${past}`,
  failed: (to) => `tried to ${to} and could not`,
  expired: (_to, past) => `had ${past}, and that has ended`,
  undone: (_to, past) => `had ${past}, and that was taken back`,
};

function decision(d: Decision, zone: Zone): string {
  const [to, past] = ACTIONS[d.action](visible(d.target, 80));
  const until = d.until === null ? '' : `, until ${time(d.until, zone)}`;
  const stands = d.state === 'observed' || d.state === 'pending' || d.state === 'done';
  return `ringfence ${STATES[d.state](to, past)}${stands ? until : ''}`;
}

function told({ channel, state, doneAt, nextAt, attempts, error }: TellingOf, zone: Zone): string {
  const name = visible(channel, 40);
  const said = error === '' ? '' : ` (${visible(error, 200)})`;
  if (state === 'told') return `${name}: told ${doneAt === null ? '' : time(doneAt, zone)}${said}`;
  if (state === 'waiting')
    return attempts === 0
      ? `${name}: to be told ${time(nextAt, zone)}`
      : `${name}: NOT TOLD YET after ${attempts} ${attempts === 1 ? 'try' : 'tries'}, next ${time(nextAt, zone)}${said}`;
  return `${name}: ${state === 'dropped' ? 'not told' : 'GIVEN UP, nobody was told'}${said}`;
}

/** What made an incident graver, by rule (respond/raising.ts). */
export const RAISED: Readonly<Record<string, string>> = {
  'calls-after-hijack': 'and the account has placed calls since its registration was taken over',
  'weak-signals': 'and other odd things of different kinds were seen of it within a day',
  'many-callers': 'and at least four other accounts called the same block of numbers within an hour',
  breach: 'and the address had been guessing passwords before it got in',
};

const FACT_NAMES: Readonly<Record<string, string>> = {
  closedSince: 'closed since',
  since: 'it began',
  firstCall: 'first call',
  aor: 'address of record',
  talkSeconds: 'seconds of talk',
  sameDevice: 'same phone',
  ownerAddress: "owner's address",
  ownerUserAgent: "owner's user agent",
  userAgent: 'user agent',
  userAgents: 'user agents',
  raisedBy: 'made graver by',
  totalCalls: 'calls in all, at least',
  totalSources: 'addresses in all, at least',
  totalAccounts: 'accounts in all, at least',
  evidence: 'pieces of evidence',
  accountsInvolved: 'accounts in this story',
  furtherAccount: 'one account more',
};

const more = (count: number): string => `and ${count} more`;

function factText(value: Fact, zone: Zone): string {
  if (value === null) return 'not known';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return ISO.test(value) ? time(Date.parse(value), zone) : visible(value, 200);
  const shown = value.slice(0, 10).map((item) => visible(item, 80));
  if (value.length > shown.length) shown.push(more(value.length - shown.length));
  return shown.length === 0 ? 'none' : shown.join(', ');
}

/** Plain English. */
export const en: Words = {
  language: 'en',
  headings: {
    short: 'In short',
    seen: 'What was seen',
    rules: 'Which rule, which threshold',
    done: 'What was done',
    undo: 'How to undo it',
    now: 'What to do now',
    legitimate: 'If this was legitimate',
    incident: 'incident',
    aliases: 'also',
    about: 'about',
    began: 'began',
    last: 'last seen',
    loss: 'cost',
    accounts: 'accounts',
    sources: 'addresses',
    calls: 'calls',
    numbers: 'numbers',
    acknowledged: 'seen by',
    id: 'ID',
    when: 'SINCE',
    severity: 'SEVERITY',
    what: 'WHAT',
    noAlerts: 'No alerts.',
    told: 'Who was told',
    nothingDone: 'Nothing was decided.',
    onlyObserved: 'ringfence observes here and did nothing. In enforce mode it would do what says "would".',
    nothingToUndo: 'There is nothing to undo.',
    nobody: 'nobody yet',
    decided: 'decision',
    looked: 'seen by',
  },
  severity: (severity) => severity,
  subject,
  summary: ({ summary }) => visible(summary),
  headline: ({ summary }) => visible(summary),
  reason: (why) => visible(why),
  raised: (summary, rules) => [visible(summary), ...rules.flatMap((rule) => RAISED[rule] ?? [])].join(', '),
  number,
  money,
  loss: ({ amount, currency, estimated }) => `${estimated ? 'about ' : ''}${money(amount, currency)}`,
  duration: formatDuration,
  time,
  minute: (at, zone) => {
    const wall = zone.wall(at);
    return `${date(wall)} ${two(wall.hour)}:${two(wall.minute)}`;
  },
  clock: (at, zone) => hms(zone.wall(at)),
  day: (at, zone) => {
    const wall = zone.wall(at);
    return `${DAYS[wall.weekday] ?? ''} ${date(wall)} (${zone.name})`;
  },
  fact: (name, value, zone) => [FACT_NAMES[name] ?? spaced(name), factText(value, zone)],
  decision,
  told,
  failure,
  undo: (d) => {
    if (d.state !== 'done') return null;
    if (d.action === 'hang-up' || d.action === 'none')
      return d.action === 'none'
        ? null
        : { text: 'A call that was hung up cannot be put back; it can be dialled again' };
    if (d.action === 'expire-contact')
      return {
        text: `The phone of ${accountName(visible(d.target, 64))} registers again by itself, at the latest when it is restarted`,
      };
    if (d.action === 'rotate-secret') {
      const word = shellWord(d.target);
      const show = word === null ? '' : ` (ringfence rotate ${word} --show)`;
      return {
        text: `The phone of ${accountName(visible(d.target, 64))} needs the new password${show}; to make the old one good again`,
        ...(word === null ? {} : { command: `ringfence rotate ${word} --undo` }),
      };
    }
    const [, past] = ACTIONS[d.action](visible(d.target, 80));
    const id = shellWord(d.id);
    return {
      text: `ringfence has ${past}; to lift that`,
      ...(id === null ? {} : { command: `ringfence unblock ${id}` }),
    };
  },
  now: (incident, evidence) => advice.now(incident, evidence, accountOf(incident)),
  legitimate: (incident, evidence, broken) => advice.legitimate(incident, evidence, accountOf(incident), broken),
  inShort: (incident, evidence, decisions) => inShort(incident, evidence, decisions, money),
  measured: (seen) => `seen: ${visible(seen, 40)}`,
  met: (rule) => `what it met: ${visible(rule, 200)}`,
  alike: (count) => `and the same for ${count} more`,
  more,
  response,
  message,
  acknowledgedBy: (who, at, note, zone) =>
    `${visible(who, 64)}, ${time(at, zone)}${note === '' ? '' : `: ${visible(note, 200)}`}`,
  tally: (counts) => {
    const parts = (['critical', 'high', 'medium', 'low', 'info'] as const).filter((s) => counts[s] > 0);
    const all = parts.reduce((sum, s) => sum + counts[s], 0);
    if (all === 0) return 'no incidents';
    return `${all} incident${all === 1 ? '' : 's'}: ${parts.map((s) => `${counts[s]} ${s}`).join(', ')}`;
  },
};
