import type { Action, Decision, DecisionState, Fact, Millis } from '../model.ts';
import type { DialledNumber, NumberKind } from '../site/site.ts';
import { formatDuration, type WallTime, type Zone } from '../time.ts';
import { accountOf, hms, ISO, offset, spaced, two } from './common.ts';
import * as advice from './de-advice.ts';
import { accountName, money, subject } from './de-basics.ts';
import { failure, reason } from './de-failure.ts';
import { message } from './de-message.ts';
import { response } from './de-response.ts';
import { severityName } from './de-severity.ts';
import { inShort } from './de-short.ts';
import { headline, raised, summary } from './de-summary.ts';
import { shellWord, visible } from './visible.ts';
import type { TellingOf } from './show.ts';
import type { Words } from './words.ts';

const DAYS = ['', 'Mo', 'Di', 'Mi', 'Do', 'Fr', 'Sa', 'So'];

const date = (w: WallTime): string => `${two(w.day)}.${two(w.month)}.${w.year}`;

function time(at: Millis, zone: Zone): string {
  const wall = zone.wall(at);
  return `${DAYS[wall.weekday] ?? ''} ${date(wall)} ${hms(wall)} ${offset(at, zone)}`;
}

const KINDS: Readonly<Record<NumberKind, string>> = {
  extension: 'Nebenstelle',
  emergency: 'Notruf',
  service: 'Dienst',
  fixed: 'Festnetz',
  mobile: 'Mobilfunk',
  'fixed-or-mobile': 'Festnetz oder Mobilfunk',
  'toll-free': 'gebührenfrei',
  premium: 'Sondernummer',
  'shared-cost': 'geteilte Kosten',
  voip: 'VoIP',
  personal: 'persönliche Rufnummer',
  pager: 'Pager',
  uan: 'Firmennummer',
  satellite: 'Satellit',
  'non-geographic': 'kein Land',
  unknown: 'unbekannte Art',
  invalid: 'keine gültige Nummer',
};

function number(n: DialledNumber): string {
  const shown = n.e164 === null ? visible(n.dialled, 40) : `+${n.e164}`;
  if (n.kind === 'extension') return `Nebenstelle ${shown}`;
  return `${shown} (${n.place === null ? '' : `${visible(n.place, 60)}, `}${KINDS[n.kind]})`;
}

/** What an action does to its target: infinitive with "zu", and past participle. */
const ACTIONS: Readonly<Record<Action, (target: string) => readonly [string, string]>> = {
  none: () => ['nichts zu tun', 'nichts getan'],
  'hang-up': (call) => [`Anruf ${call} zu beenden`, `Anruf ${call} beendet`],
  'block-account': (a) => [
    `alle Anrufe von ${accountName(a)} zu sperren`,
    `alle Anrufe von ${accountName(a)} gesperrt`,
  ],
  'block-international': (a) => [
    `Auslandsanrufe von ${accountName(a)} zu sperren`,
    `Auslandsanrufe von ${accountName(a)} gesperrt`,
  ],
  'block-number': (n) => [
    `Anrufe an ${subject({ type: 'number', value: n })} zu sperren`,
    `Anrufe an ${subject({ type: 'number', value: n })} gesperrt`,
  ],
  'block-address': (a) => [`Adresse ${a} zu sperren`, `Adresse ${a} gesperrt`],
  'expire-contact': (a) => [
    `die fremde Anmeldung von ${accountName(a)} zu entfernen`,
    `die fremde Anmeldung von ${accountName(a)} entfernt`,
  ],
  'rotate-secret': (a) => [
    `${accountName(a)} ein neues Passwort zu geben`,
    `${accountName(a)} ein neues Passwort gegeben`,
  ],
};

const STATES: Readonly<Record<DecisionState, (to: string, past: string) => string>> = {
  observed: (_to, past) => `ringfence hätte ${past}`,
  pending: (to) => `ringfence ist dabei, ${to}`,
  done: (_to, past) => `ringfence hat ${past}`,
  failed: (to) => `ringfence hat versucht, ${to}, und konnte es nicht`,
  expired: (_to, past) => `ringfence hatte ${past}, und das ist abgelaufen`,
  undone: (_to, past) => `ringfence hatte ${past}, und das wurde zurückgenommen`,
};

function decision(d: Decision, zone: Zone): string {
  const [to, past] = ACTIONS[d.action](visible(d.target, 80));
  const until = d.until === null ? '' : `, bis ${time(d.until, zone)}`;
  const stands = d.state === 'observed' || d.state === 'pending' || d.state === 'done';
  return `${STATES[d.state](to, past)}${stands ? until : ''}`;
}

function told({ channel, state, doneAt, nextAt, attempts, error }: TellingOf, zone: Zone): string {
  const name = visible(channel, 40);
  const said = error === '' ? '' : ` (${visible(error, 200)})`;
  if (state === 'told') return `${name}: gesagt ${doneAt === null ? '' : time(doneAt, zone)}${said}`;
  if (state === 'waiting')
    return attempts === 0
      ? `${name}: wird gesagt ${time(nextAt, zone)}`
      : `${name}: NOCH NICHT GESAGT nach ${attempts} ${attempts === 1 ? 'Versuch' : 'Versuchen'}, nächster ${time(nextAt, zone)}${said}`;
  return `${name}: ${state === 'dropped' ? 'nicht gesagt' : 'AUFGEGEBEN, niemand weiß Bescheid'}${said}`;
}

const FACT_NAMES: Readonly<Record<string, string>> = {
  calls: 'Anrufe',
  destinations: 'Ziele',
  countries: 'Länder',
  numbers: 'Nummern',
  connected: 'zustande gekommen',
  answered: 'angenommen',
  refused: 'abgewiesen',
  failures: 'Fehlversuche',
  accounts: 'Konten',
  names: 'Namen',
  addresses: 'Adressen',
  address: 'Adresse',
  requests: 'Anfragen',
  answers: 'Antworten',
  methods: 'Methoden',
  tool: 'Programm',
  rule: 'Regel',
  reason: 'Grund',
  reasons: 'Gründe',
  risk: 'Risiko',
  holiday: 'Feiertag',
  budget: 'Budget',
  spent: 'ausgegeben',
  period: 'Zeitraum',
  running: 'laufende Anrufe',
  expected: 'üblich',
  target: 'Ziel',
  transport: 'Transport',
  times: 'Male',
  closedSince: 'geschlossen seit',
  since: 'begann',
  firstCall: 'erster Anruf',
  lastCall: 'letzter Anruf',
  aor: 'Adresse der Anmeldung',
  talkSeconds: 'Sekunden Gespräch',
  sameDevice: 'dasselbe Telefon',
  ownerAddress: 'Adresse des Besitzers',
  ownerUserAgent: 'Gerät des Besitzers',
  userAgent: 'Gerät',
  userAgents: 'Geräte',
  firstAddress: 'erste Adresse',
  raisedBy: 'schwerer durch',
  totalCalls: 'Anrufe insgesamt, mindestens',
  totalSources: 'Adressen insgesamt, mindestens',
  totalAccounts: 'Konten insgesamt, mindestens',
  evidence: 'Beobachtungen',
  accountsInvolved: 'Konten in diesem Vorfall',
  furtherAccount: 'ein weiteres Konto',
};

const more = (count: number): string => `und ${count} weitere`;

function factText(value: Fact, zone: Zone): string {
  if (value === null) return 'nicht bekannt';
  if (typeof value === 'boolean') return value ? 'ja' : 'nein';
  if (typeof value === 'number') return String(value).replace('.', ',');
  if (typeof value === 'string') return ISO.test(value) ? time(Date.parse(value), zone) : visible(value, 200);
  const shown = value.slice(0, 10).map((item) => visible(item, 80));
  if (value.length > shown.length) shown.push(more(value.length - shown.length));
  return shown.length === 0 ? 'keine' : shown.join(', ');
}

/** Plain German. Commands, settings and what people or devices wrote stay as they are. */
export const de: Words = {
  language: 'de',
  headings: {
    short: 'Kurz gesagt',
    seen: 'Was gesehen wurde',
    rules: 'Welche Regel, welche Schwelle',
    done: 'Was getan wurde',
    undo: 'Wie man es zurücknimmt',
    now: 'Was jetzt zu tun ist',
    legitimate: 'Wenn es in Ordnung war',
    incident: 'Vorfall',
    aliases: 'auch',
    about: 'über',
    began: 'begann',
    last: 'zuletzt',
    loss: 'Kosten',
    accounts: 'Konten',
    sources: 'Adressen',
    calls: 'Anrufe',
    numbers: 'Nummern',
    acknowledged: 'gesehen',
    id: 'ID',
    when: 'SEIT',
    severity: 'SCHWERE',
    what: 'WAS',
    noAlerts: 'Keine Alarme.',
    told: 'Wer Bescheid weiß',
    nothingDone: 'Es wurde nichts entschieden.',
    onlyObserved:
      'ringfence beobachtet hier und hat nichts getan. Mit mode = "enforce" täte es, was unter "hätte" steht.',
    nothingToUndo: 'Es gibt nichts zurückzunehmen.',
    nobody: 'noch niemand',
    decided: 'Maßn.',
    looked: 'gesehen',
  },
  severity: severityName,
  subject,
  raised,
  summary,
  headline,
  reason,
  number,
  money,
  loss: ({ amount, currency, estimated }) => `${estimated ? 'etwa ' : ''}${money(amount, currency)}`,
  duration: formatDuration,
  time,
  minute: (at, zone) => {
    const wall = zone.wall(at);
    return `${date(wall)} ${two(wall.hour)}:${two(wall.minute)} `;
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
    if (d.state !== 'done' || d.action === 'none') return null;
    if (d.action === 'hang-up')
      return { text: 'Ein beendeter Anruf lässt sich nicht wiederherstellen; er kann neu gewählt werden' };
    const name = accountName(d.target);
    if (d.action === 'expire-contact')
      return {
        text: `Das Telefon von ${name} meldet sich von selbst wieder an, spätestens wenn es neu gestartet wird`,
      };
    if (d.action === 'rotate-secret') {
      const word = shellWord(d.target);
      const show = word === null ? '' : ` (ringfence rotate ${word} --show)`;
      return {
        text: `Das Telefon von ${name} braucht das neue Passwort${show}; damit das alte wieder gilt`,
        ...(word === null ? {} : { command: `ringfence rotate ${word} --undo` }),
      };
    }
    const [, past] = ACTIONS[d.action](visible(d.target, 80));
    const id = shellWord(d.id);
    return {
      text: `ringfence hat ${past}; um das aufzuheben`,
      ...(id === null ? {} : { command: `ringfence unblock ${id}` }),
    };
  },
  now: (incident, evidence) => advice.now(incident, evidence, accountOf(incident)),
  legitimate: (incident, evidence, broken) => advice.legitimate(incident, evidence, accountOf(incident), broken),
  inShort,
  measured: (seen) => `gesehen: ${visible(seen, 40)}`,
  met: (rule) => `was es erfüllte: ${visible(rule, 200)}`,
  alike: (count) => `und dasselbe für ${count} weitere`,
  more,
  response,
  message,
  acknowledgedBy: (who, at, note, zone) =>
    `${visible(who, 64)}, ${time(at, zone)}${note === '' ? '' : `: ${visible(note, 200)}`}`,
  tally: (counts) => {
    const parts = (['critical', 'high', 'medium', 'low', 'info'] as const).filter((s) => counts[s] > 0);
    const all = parts.reduce((sum, s) => sum + counts[s], 0);
    if (all === 0) return 'keine Vorfälle';
    return `${all === 1 ? '1 Vorfall' : `${all} Vorfälle`}: ${parts.map((s) => `${counts[s]} ${severityName(s)}`).join(', ')}`;
  },
};
