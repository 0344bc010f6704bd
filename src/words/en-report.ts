import type { Action } from '../model.ts';
import type { ReportWords } from './report-words.ts';

const ACTIONS: Readonly<Record<Action, string>> = {
  none: 'nothing',
  'hang-up': 'calls hung up',
  'block-account': 'accounts blocked',
  'block-international': 'calls abroad blocked',
  'block-number': 'numbers blocked',
  'block-address': 'addresses blocked',
  'expire-contact': 'foreign registrations ended',
  'rotate-secret': 'new passwords',
};

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

export const enReport: ReportWords = {
  title: (site) => `Telephone fraud report: ${site}`,
  period: (from, until) => `From ${from} to ${until}`,
  titles: {
    overview: 'In short',
    course: 'When it happened',
    stopped: 'What was stopped',
    through: 'What was let through',
    destinations: 'Where it went',
    accounts: 'Unusual accounts',
    blocks: 'What was done',
    undone: 'Taken back by people',
    failed: 'Could not be done',
    gaps: 'When ringfence did not see everything',
    keys: 'Keys that end soon',
    passwords: 'Weak passwords',
  },
  heads: {
    severity: 'severity',
    incidents: 'incidents',
    open: 'not acknowledged',
    since: 'since',
    what: 'what',
    cost: 'cost',
    place: 'destination',
    numbers: 'numbers',
    risk: 'risk',
    account: 'account',
    gravest: 'gravest',
    action: 'what',
    done: 'done',
    observed: 'only observed',
    ended: 'over',
    undone: 'taken back',
    failed: 'failed',
    pending: 'under way',
    target: 'whom',
    why: 'why',
    until: 'until',
    lasted: 'lasted',
    key: 'key of',
    ends: 'ends',
    audited: 'found',
  },
  quiet: 'Nothing was found in this time.',
  tally: (all, open) => `${count(all, 'incident')}, ${open} of them not acknowledged by anybody.`,
  compared: (now, before) =>
    before === 0
      ? 'There was none in the period before.'
      : `${count(before, 'incident')} in the period before (${now >= before ? '+' : '-'}${Math.round((Math.abs(now - before) / before) * 100)} %).`,
  observing: 'ringfence observes here: it says what it would do and does nothing (mode = "observe").',
  stopped: (incidents, calls, cost) =>
    `ringfence acted in ${count(incidents, 'incident')} and hung up ${count(calls, 'call')}. The cost until then: ${cost}.`,
  saved: (amount) =>
    `At the same pace about ${amount} would have come on top by the time somebody was in the office. An estimate, made carefully: docs/reports.md says how.`,
  nothingStopped: 'Nothing was stopped in this time.',
  through: (incidents, cost) =>
    `In ${count(incidents, 'incident')} that cost money, or could have, nothing was done. The cost: ${cost}.`,
  onlyObserved: (incidents) => `In ${incidents} of them ringfence would have acted in enforce mode.`,
  nothingThrough: 'Nothing grave or costly was let through.',
  noGaps: 'Every source was heard all the time.',
  explain: 'ringfence alerts show ID explains each; ringfence alerts list --open shows what nobody has looked at.',
  action: (action) => ACTIONS[action],
  severity: (severity) => severity,
  stands: 'still so',
  unknownPlace: 'this country, or not known',
  audited: (accounts, weak, latest) =>
    `Of ${count(accounts, 'account')} audited (the last on ${latest}), ${weak === 0 ? 'none has' : `${weak} ${weak === 1 ? 'has' : 'have'}`} a weak password.`,
  mend: 'Give each a new one of 20 random characters: ringfence rotate ACCOUNT does it at once; then pjsip.conf and the telephone.',
  weakness: {
    empty: 'is empty',
    'extension-number': 'is the extension number',
    'extension-variation': 'is the extension number, varied',
    'name-variation': 'is the name of the account, or made of it',
    'vendor-default': 'is a default of a vendor or of a sample configuration',
    dictionary: 'is in the dictionary, or made of a word in it by the usual tricks',
    pattern: 'is a pattern of keys, letters or digits',
    'year-or-date': 'is a year or a date',
    'site-name': 'is the name of the company or site, or made of it',
    digits: 'is digits only',
    'word-list': 'is in the word list',
  },
  more: (n) => `and ${n} more`,
  footer: 'Made by ringfence. Costs are estimates by your tariff, else by an ordinary one.',
};
