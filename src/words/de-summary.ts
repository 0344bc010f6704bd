import type { Evidence, Fact, Incident, Subject } from '../model.ts';
import { accountName, subject as subjectText } from './de-basics.ts';
import { RAISED as RAISED_EN } from './en.ts';
import { visible } from './visible.ts';
import type { Seen } from './words.ts';

/**
 * Detectors say what they saw in English; German is built from the same facts, a sentence for each detector. Where a fact
 * that a sentence needs is missing (evidence of another version), the detector's own words are given as they are.
 */

type Facts = Readonly<Record<string, Fact>>;

/** A fact that a sentence needs is not there. */
class Missing extends Error {}

const num = (facts: Facts, name: string): number => {
  const value = facts[name];
  if (typeof value !== 'number') throw new Missing(name);
  return value;
};
const text = (facts: Facts, name: string): string => {
  const value = facts[name];
  return typeof value === 'string' ? visible(value, 64) : '';
};
const items = (facts: Facts, name: string): readonly string[] => {
  const value = facts[name];
  return Array.isArray(value) ? (value as readonly string[]).map((item) => visible(item, 64)) : [];
};

const counted = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
const calls = (n: number): string => counted(n, 'Anruf', 'Anrufe');

/** `a`, `a und b`, `a, b und 5 weitere` */
function listed(all: readonly string[], most = 3): string {
  const shown = all.length <= most ? [...all] : [...all.slice(0, most - 1), `${all.length - most + 1} weitere`];
  const last = shown.pop() ?? '';
  return shown.length === 0 ? last : `${shown.join(', ')} und ${last}`;
}

const REGIONS = new Intl.DisplayNames('de', { type: 'region' });

/** A country of the facts; satellites and other codes of no country stay as they are. */
function country(code: string): string {
  try {
    return /^[A-Z]{2}$/.test(code) ? (REGIONS.of(code) ?? code) : code;
  } catch {
    return code;
  }
}

/** ` nach Lettland`, ` an +37120000001`, or nothing */
function whither(facts: Facts): string {
  const places = items(facts, 'countries')
    .filter((code) => code !== '')
    .map(country);
  if (places.length > 0) return ` (${listed(places)})`;
  const numbers = items(facts, 'numbers').map((number) => (/^[1-9]\d{6,14}$/.test(number) ? `+${number}` : number));
  return numbers.length === 0 ? '' : ` (${listed(numbers)})`;
}

/** Whether calls were taken; `calls`: how many there were. */
function connected(facts: Facts, calls = facts['calls']): string {
  const value = facts['connected'];
  if (typeof value !== 'number') return '';
  if (calls === 1) return value === 0 ? ', nicht angenommen' : '';
  return value === 0 ? ', keiner davon angenommen' : `, ${value} davon angenommen`;
}

const talk = (facts: Facts): string => {
  const seconds = facts['talkSeconds'];
  return typeof seconds !== 'number' || seconds < 60 ? '' : `, ${Math.round(seconds / 60)} min Gespräch`;
};

const Who = (subject: Subject): string => {
  const said = subjectText(subject);
  return said.charAt(0).toUpperCase() + said.slice(1);
};

const WHEN: Readonly<Record<string, string>> = {
  hour: 'innerhalb einer Stunde',
  day: 'innerhalb von 24 Stunden',
  closed: 'während das Büro geschlossen war',
};

const amount = (n: number, currency = ''): string =>
  `${n.toFixed(2).replace('.', ',')}${currency === '' ? '' : ` ${visible(currency, 8)}`}`;

type Sentence = (seen: Seen, facts: Facts) => string;

/** Calls that an account or address placed: what was called, how often, and what is wrong with it. */
const placed =
  (what: string): Sentence =>
  ({ subject }, f) =>
    `${Who(subject)}: ${calls(num(f, 'calls'))}${whither(f)}, ${what}${connected(f)}${talk(f)}`;

const bruteForce: Sentence = ({ subject, sources }, f) => {
  if (typeof f['failures'] !== 'number')
    return `${num(f, 'addresses')} Adressen probieren Passwörter von ${num(f, 'accounts')} Konten, keine davon oft`;
  const failures = counted(f['failures'], 'Fehlversuch', 'Fehlversuche');
  const source = visible(sources[0] ?? (subject.type === 'address' ? subject.value : ''), 64);
  if (f['rule'] === 'success after failures')
    return `${source === '' ? 'Jemand' : source} hat sich ${who(subject, 'als')} angemeldet, nach ${failures.replace('Fehlversuche', 'Fehlversuchen')}`;
  if (f['rule'] === 'stale password')
    return `Ein Telefon an ${source} meldet sich immer wieder mit einem falschen Passwort als ${accountName(text(f, 'account'))} an: ${failures}`;
  if (typeof f['addresses'] === 'number')
    return `${counted(f['addresses'], 'Adresse', 'Adressen')} probieren Passwörter ${who(subject, 'von')}: ${failures}`;
  const names = items(f, 'names');
  const whom = names.length === 1 ? accountName(names[0] ?? '') : `${num(f, 'accounts')} Konten`;
  return `${source} probiert Passwörter von ${whom}: ${failures}`;
};

const who = (subject: Subject, word: 'als' | 'von'): string =>
  subject.type === 'account' ? `${word} ${accountName(subject.value)}` : 'mehrerer Konten';

const HIJACK: Readonly<Record<string, string>> = {
  'the same phone on a new address': 'dasselbe Telefon an einer neuen Adresse',
  'by whoever took it over before, from another address':
    'von dem, der sie schon einmal übernommen hat, von einer anderen Adresse',
  'after the registration was removed from there': 'nachdem die Anmeldung von dort gelöscht worden war',
  'a new phone on a new address': 'ein neues Telefon an einer neuen Adresse',
  'in place of the phone that was registered': 'anstelle des angemeldeten Telefons',
  'beside the phone that is registered': 'neben dem angemeldeten Telefon',
};

/** What was odd about a registration, by the detector's own words for it. */
function hijackReason(reason: string): string | undefined {
  const [, how, name = ''] = /^registered with the (password of|digest username) (.*)$/.exec(reason) ?? [];
  if (how === 'password of') return `angemeldet mit dem Passwort von ${name}`;
  if (how !== undefined) return `angemeldet unter dem Namen ${name}`;
  const wrong = /^after (\d+) wrong password/.exec(reason)?.[1];
  if (wrong !== undefined)
    return `nach ${counted(Number(wrong), 'falschen Passwort', 'falschen Passwörtern')} von dort`;
  return HIJACK[reason];
}

const hijack: Sentence = ({ severity, subject, sources }, f) => {
  const address = text(f, 'address') || visible(sources[0] ?? '', 64);
  if (address === '') throw new Missing('address');
  const name = subject.type === 'account' ? accountName(subject.value) : accountName(text(f, 'aor'));
  const owner = text(f, 'ownerAddress');
  const taken = severity === 'high' || severity === 'critical';
  const did = taken
    ? `Die Anmeldung von ${name} wurde von ${address} übernommen`
    : `${name} wurde von ${address} aus benutzt`;
  const n = f['calls'];
  const then = typeof n === 'number' && n > 0 ? `, danach ${calls(n)}` : '';
  const why = items(f, 'reasons').flatMap((reason) => hijackReason(reason) ?? []);
  return `${did}${why.length === 0 ? '' : `, ${why.join(' und ')}`}${then}${owner === '' ? '' : ` (das eigene Telefon ist an ${owner})`}`;
};

const RESULTS: Readonly<Record<string, string>> = {
  'refused or not yet answered': ', abgelehnt oder noch nicht beantwortet',
  'accepted by the PBX': ', und die Anlage nahm es an',
  'its call was taken on': ', und sein Anruf wurde angenommen',
};

const impersonation: Sentence = ({ subject, sources }, f) => {
  const source = visible(sources[0] ?? subject.value, 64);
  const trunk = text(f, 'trunk');
  if (items(f, 'before').length > 0)
    return `Die Leitung ${trunk} meldet sich jetzt als ${text(f, 'userAgent')}, bisher als ${listed(items(f, 'before'))}`;
  const n = f['answers'];
  const led = items(f, 'statuses').some((status) => status.startsWith('3')) ? text(f, 'leadsTo') : '';
  if (typeof n === 'number')
    return typeof f['asked'] === 'string'
      ? `${source} antwortete ${n}-mal anstelle von ${text(f, 'asked')}${trunk === '' ? '' : ` (Leitung ${trunk})`}${led === '' ? '' : ` und schickte den Anruf weiter zu ${led}`}`
      : `${source} schickte ${counted(n, 'Antwort', 'Antworten')}, obwohl die Anlage dort nie etwas gefragt hat`;
  return `${source} schickte ${counted(num(f, 'requests'), 'Anfrage', 'Anfragen')} im Namen der Leitung ${trunk}${RESULTS[text(f, 'result')] ?? ''}`;
};

const spend: Sentence = ({ subject, loss }, f) => {
  const money = (n: number): string => amount(n, loss?.currency);
  const scope = f['scope'];
  const whose =
    scope === 'account' ? Who(subject) : scope === 'group' ? `Die Gruppe ${text(f, 'group')}` : 'Das ganze Büro';
  const spent = num(f, 'spent');
  const budget = num(f, 'budget');
  const level =
    spent >= budget ? `das Budget von ${money(budget)} ist aufgebraucht` : `das Budget ist ${money(budget)}`;
  const mine =
    scope !== 'account' && subject.type === 'account' && typeof f['ofThis'] === 'number'
      ? `, davon ${accountName(subject.value)} etwa ${money(f['ofThis'])}`
      : '';
  return `${whose} hat ${WHEN[String(f['period'])] ?? ''} etwa ${money(spent)} vertelefoniert${whither(f)}${mine}; ${level}`;
};

const traffic: Sentence = ({ subject }, f) => {
  const expected = num(f, 'expected');
  if (typeof f['calls'] !== 'number')
    return `Seit längerem wurde kein Anruf gesehen, üblich wären etwa ${expected}: ${f['alive'] === true ? 'Telefone melden sich noch an, es ist also ein ruhiger Tag, oder die Leitung ist gestört' : 'was ringfence mithört, oder die Anlage selbst, kann ausgefallen sein'}`;
  const usual = expected < 1 ? 'kaum einer' : `etwa ${Math.round(expected)}`;
  const what =
    f['direction'] === 'in'
      ? `${calls(f['calls'])} gingen ein`
      : `${subject.type === 'account' ? Who(subject) : 'Der Standort'}: ${calls(f['calls'])}`;
  return `${what}, üblich ist zu dieser Zeit ${usual}${f['closed'] === true ? ', und das Büro ist geschlossen' : ''}`;
};

const teardown: Sentence = ({ subject, sources }, f) => {
  const source = visible(sources[0] ?? subject.value, 64);
  const methods = listed(items(f, 'methods'));
  if (typeof f['dialogs'] === 'number') {
    const many = f['addresses'];
    const whose = typeof many === 'number' && many > 1 ? `${many} Adressen griffen` : `${source} griff`;
    const known =
      f['tags'] === 'right' ? ' und kennt die Kennungen: Jemand hört mit oder sitzt auf dem Weg' : f['tags'] === 'wrong' ? ', ohne die Kennungen zu kennen' : ''; // prettier-ignore
    return `${whose} in ${counted(f['dialogs'], 'fremdes Gespräch', 'fremde Gespräche')} ein (${methods})${known}`;
  }
  return `${source} schickte ${counted(num(f, 'requests'), 'Anfrage', 'Anfragen')} (${methods}) zu Gesprächen, die es nicht gibt`;
};

const exposure: Sentence = ({ subject, sources }, f) => {
  const over = text(f, 'transport').toUpperCase();
  if (typeof f['calls'] === 'number')
    return `${Who(subject)} schickte bei ${counted(f['calls'], 'verschlüsseltem Anruf', 'verschlüsselten Anrufen')} den Schlüssel offen über ${over} mit: Wer unterwegs mitliest, kann zuhören`;
  if (typeof f['callsWithOneKey'] === 'number')
    return `${Who(subject)} hat für ${counted(f['callsWithOneKey'], 'Anruf', 'Anrufe')} denselben SRTP-Schlüssel benutzt: Wer zwei davon aufzeichnet, kann beide mithören`;
  return `Das Telefon von ${subjectText(subject)} meldete sich über ${over} von ${visible(sources[0] ?? '', 64)} an, obwohl es vorher TLS benutzt hat`;
};

/** By the detector's rule: what was used again. */
const REUSED: Readonly<Record<string, string>> = {
  'the same Call-ID, CSeq and From tag': 'eine alte Anfrage',
  'the same nonce and count from two addresses': 'Anmeldedaten',
  'one request from two addresses': 'eine Anfrage',
  'one SRTP key in two calls from two addresses': 'den SRTP-Schlüssel eines Anrufs',
  'one encrypted session description in two calls from two addresses':
    'die verschlüsselte Medienbeschreibung eines Anrufs',
  'one o= line in two calls from two addresses': 'die Medienbeschreibung eines Anrufs',
};

const replayed: Sentence = (seen, f) => {
  if (typeof f['callsWithOneKey'] === 'number') return exposure(seen, f);
  const { subject, sources } = seen;
  const source = visible(sources[0] ?? subject.value, 64);
  const first = text(f, 'firstAddress');
  const whose = subject.type === 'address' && subject.value === source ? '' : ` von ${subjectText(subject)}`;
  const times = f['times'];
  const often = typeof times === 'number' && times > 1 ? `, ${times}-mal` : '';
  return `${source} hat ${REUSED[String(f['rule'])] ?? 'Nachrichten'}${whose} noch einmal verwendet${first === '' ? '' : ` (zuerst von ${first})`}${often}`;
};

const spoofed: Sentence = ({ sources, subject }, f) => {
  const n = counted(num(f, 'requests'), 'Anfrage', 'Anfragen');
  const source = visible(sources[0] ?? subject.value, 64);
  if (items(f, 'ports').length > 0)
    return `${n} kamen mit der eigenen Adresse der Anlage (${source}) als Absender an, von Ports, die nicht ihre sind`;
  const claims = items(f, 'claims');
  return `${n} von ${source} mit falschem Absender${claims.length === 0 ? '' : ` (${listed(claims)})`}${f['accepted'] === true ? ', von der Anlage angenommen' : ''}`;
};

const wangiri: Sentence = (_seen, f) => {
  const rings = counted(num(f, 'rings'), 'Anruf', 'Anrufe');
  const backs = num(f, 'calledBack');
  return `${rings} von ${counted(num(f, 'callers'), 'Nummer', 'Nummern')} klingelten nur einmal${whither(f)}${backs > 0 ? `, ${backs}-mal wurde zurückgerufen` : ''}`;
};

const unregistered: Sentence = ({ subject, sources }, f) => {
  const source = visible(sources[0] ?? subject.value, 64);
  const taken = num(f, 'calls');
  if (f['authenticated'] === true)
    return `${Who(subject)} telefonierte${whither(f)} von ${source} aus, das nie angemeldet war: ${calls(taken)}`;
  if (taken === 0)
    return `${source}, nicht angemeldet, versuchte ${calls(num(f, 'refused'))}${whither(f)}, alle wurden abgelehnt`;
  return `${source}, nicht angemeldet, führte ${calls(taken)}${whither(f)}${connected(f)}`;
};

/** How fast it was dialled, by the rule that saw it. */
function pace(f: Facts): string {
  const [, rule = '', within] = /^([a-z_]+) \d+(?: within (.+))?$/.exec(text(f, 'rule')) ?? [];
  const n = num(f, rule === '' ? 'calls' : rule);
  if (rule === 'sequence') return `${n} Nummern der Reihe nach gewählt`;
  if (rule.endsWith('at_once')) return `${calls(n)} zur selben Zeit`;
  return `${calls(n)} innerhalb ${within === undefined ? 'einer Stunde' : `von ${within}`}`;
}

/** How long an answer takes, for people. */
const took = (ms: number): string =>
  ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1).replace('.', ',').replace(',0', '')} s`;

const latency: Sentence = ({ subject }, f) => {
  const harm = 'das ist kein Angriff, aber Gespräche leiden';
  const usual = took(num(f, 'usualMs'));
  if (text(f, 'rule').includes('sent again'))
    return `${Who(subject)}: von 100 Anfragen müssen ${num(f, 'sentAgainPercent')} wiederholt werden, üblich sind ${num(f, 'sentAgainUsually')}; ${harm}`;
  if (f['measure'] === 'ring')
    return `${Who(subject)}: Bis es klingelt, vergehen ${took(num(f, 'medianMs'))}, üblich sind ${usual}; ${harm}`;
  return `${Who(subject)}: Antworten brauchen ${took(num(f, 'medianMs'))}, üblich sind ${usual}; ${harm}`;
};

/** A detector tells places in English; what is after the + is the same in every language. */
const codes = (f: Facts): string => {
  const found = [...new Set(items(f, 'places').flatMap((place) => /\+\d[\d ]*/.exec(place)?.[0] ?? []))];
  return found.length === 0 ? '' : ` mit ${listed(found)}`;
};

const SENTENCES: Readonly<Record<string, Sentence>> = {
  'out-of-hours-calls': ({ subject }, f) =>
    `${subject.type === 'number' ? 'Unbekannter Anrufer' : Who(subject)}: ${calls(num(f, 'calls'))}${whither(f)}, während das Büro geschlossen war${text(f, 'holiday') === '' ? '' : ` (${text(f, 'holiday')})`}${connected(f)}${talk(f)}`,
  'registration-hijack': hijack,
  'unregistered-caller': unregistered,
  'brute-force': bruteForce,
  'blocked-caller': ({ subject }, f) =>
    `Eine Sperre trifft vielleicht einen Unschuldigen: ${subjectText(subject)} wurde ${num(f, 'attempts')}-mal abgewiesen und hat vorher an ${counted(num(f, 'ordinaryDays'), 'Tag', 'Tagen')} ${calls(num(f, 'ordinaryCalls'))} geführt`,
  scan: ({ subject, sources }, f) => {
    const source = visible(subject.type === 'address' ? subject.value : (sources[0] ?? subject.value), 64);
    const tool = text(f, 'tool') === '' ? '' : ` mit ${text(f, 'tool')}`;
    if (typeof f['probed'] !== 'number')
      return `${counted(num(f, 'requests'), 'Anfrage', 'Anfragen')}${tool} von ${num(f, 'addresses') > 1 ? `${num(f, 'addresses')} Adressen` : source}`;
    const answered = num(f, 'answered');
    const learnt =
      answered === 0 ? 'ohne etwas zu erfahren' : `${answered} davon ${answered === 1 ? 'antwortete' : 'antworteten'}`;
    const prefixes = f['prefixes'];
    return typeof prefixes === 'number' && prefixes > 0
      ? `${source} probierte ${prefixes} Vorwahlen vor derselben Nummer, ${learnt}`
      : `${source} fragte${tool} ${counted(f['probed'], 'Konto oder Nummer', 'Konten oder Nummern')} ab, ${learnt}`;
  },
  'call-burst': ({ subject }, f) =>
    `${Who(subject)}: ${pace(f)}, wie es sonst nur ein Programm tut, ${calls(num(f, 'inAll'))} insgesamt${whither(f)}${connected(f, num(f, 'inAll'))}`,
  'repeated-destination': (seen, f) =>
    typeof f['calls'] === 'number'
      ? placed(
          num(f, 'closed') > 0
            ? 'dieselben teuren Ziele, während das Büro geschlossen war'
            : 'immer wieder dieselben teuren Ziele',
        )(seen, f)
      : `${Who(seen.subject)}: Tag für Tag wenige Anrufe an dieselben teuren Ziele${codes(f)} (an ${counted(num(f, 'days'), 'Tag', 'Tagen')}, davon ${num(f, 'nights')} nachts)`,
  'new-destination': placed('wohin sonst niemand von hier anruft'),
  'risky-destination': (seen, f) =>
    placed(
      num(f, 'destinations') === 1
        ? 'ein Ziel, das für Betrug bekannt oder teuer ist'
        : 'Ziele, die für Betrug bekannt oder teuer sind',
    )(seen, f),
  spend,
  'test-call': ({ subject }, f) =>
    `${Who(subject)} probierte kurz hintereinander ${counted(num(f, 'tried'), 'Nummer', 'Nummern')}${whither(f)}, ${num(f, 'answered') === 0 ? 'keine wurde' : num(f, 'answered') === 1 ? 'eine wurde' : `${num(f, 'answered')} wurden`} angenommen${num(f, 'longCalls') === 0 ? '' : `, danach ${counted(num(f, 'longCalls'), 'langer Anruf', 'lange Anrufe')} dorthin`}`,
  'through-dial': ({ subject }, f) =>
    `Was über ${subjectText(subject)} hereinkam, ging wieder hinaus: ${calls(num(f, 'calls'))}${whither(f)}${connected(f)}${talk(f)}`,
  forwarding: ({ subject }, f) =>
    `Anrufe an ${subjectText(subject)} werden weitergeleitet: ${calls(num(f, 'calls'))}${whither(f)}${connected(f)}${talk(f)}`,
  wangiri,
  flood: ({ subject, sources }, f) =>
    typeof f['count'] === 'number'
      ? `${visible(sources[0] ?? subject.value, 64)} schickte ${f['count']} ${f['garbage'] === true ? 'Nachrichten, die kein SIP sind,' : 'Anfragen, die die Anlage nicht annahm,'} auf einmal`
      : `${num(f, 'requests')} Anfragen von ${num(f, 'addresses')} Fremden, die die Anlage nicht annahm`,
  'spoofed-source': spoofed,
  'gateway-impersonation': impersonation,
  replay: replayed,
  teardown,
  exposure,
  latency,
  traffic,
};

/** Without facts: whom it is about, and what. */
const TITLES: Readonly<Record<string, string>> = {
  'out-of-hours-calls': 'Anrufe außerhalb der Bürozeit',
  'registration-hijack': 'Anmeldung von einem fremden Gerät',
  'unregistered-caller': 'Anrufe ohne Anmeldung',
  'blocked-caller': 'eine Sperre trifft vielleicht einen Unschuldigen',
  'brute-force': 'Passwörter werden ausprobiert',
  scan: 'die Anlage wird abgesucht',
  'call-burst': 'Anrufe wie von einem Programm',
  'repeated-destination': 'immer wieder dieselben teuren Nummern',
  'new-destination': 'Anrufe an ein neues Ziel',
  'risky-destination': 'Anrufe an ein Ziel, das für Betrug bekannt oder teuer ist',
  spend: 'das Budget für Anrufe',
  'test-call': 'Probeanrufe',
  'through-dial': 'Anrufe, die von außen wieder hinausgehen',
  forwarding: 'Weiterleitung an eine teure Nummer',
  wangiri: 'Lockanrufe',
  flood: 'die Anlage wird überflutet',
  'spoofed-source': 'gefälschte Absender',
  'gateway-impersonation': 'jemand gibt sich als Ihr Anbieter aus',
  replay: 'wiederverwendete Nachrichten',
  teardown: 'Eingriffe in fremde Gespräche',
  exposure: 'offen übertragene Schlüssel oder Passwörter',
  latency: 'langsame Verbindung',
  traffic: 'ungewöhnlich viele oder wenige Anrufe',
};

/** A detector's sentence in German, or its own in English. */
export function summary(seen: Seen): string {
  try {
    return SENTENCES[seen.detector]?.(seen, seen.facts) ?? visible(seen.summary);
  } catch (error) {
    if (error instanceof Missing) return visible(seen.summary);
    throw error;
  }
}

const RAISED: Readonly<Record<string, string>> = {
  'calls-after-hijack': 'und seit der Übernahme der Anmeldung hat das Konto Anrufe geführt',
  'weak-signals': 'und innerhalb eines Tages fiel anderes Merkwürdige verschiedener Art an ihm auf',
  'many-callers': 'und mindestens vier weitere Konten riefen innerhalb einer Stunde denselben Nummernblock an',
  breach: 'und von der Adresse wurden vorher Passwörter ausprobiert',
};

/** A summary with what made the incident graver than its gravest evidence. */
export const raised = (summary: string, rules: readonly string[]): string =>
  [visible(summary), ...rules.flatMap((rule) => RAISED[rule] ?? [])].join(', ');

/** An incident in one sentence: that of the evidence which it was named by, else its kind alone. */
export function headline(incident: Incident, evidence: readonly Evidence[]): string {
  const own = evidence.findLast((e) => e.detector === incident.detector && incident.summary.startsWith(e.summary));
  const rest = own === undefined ? incident.summary : incident.summary.slice(own.summary.length);
  const graver = Object.entries(RAISED_EN).flatMap(([rule, said]) => (rest.includes(said) ? (RAISED[rule] ?? []) : []));
  const title = TITLES[incident.detector];
  const first =
    own !== undefined
      ? summary(own)
      : title === undefined
        ? visible(incident.summary)
        : `${Who(incident.subject)}: ${title}`;
  return [first, ...(own === undefined && title === undefined ? [] : graver)].join(', ');
}
