import type { Action } from '../model.ts';
import { severityName } from './de-severity.ts';
import type { ReportWords } from './report-words.ts';

const ACTIONS: Readonly<Record<Action, string>> = {
  none: 'nichts',
  'hang-up': 'Anrufe beendet',
  'block-account': 'Konten gesperrt',
  'block-international': 'Auslandsanrufe gesperrt',
  'block-number': 'Nummern gesperrt',
  'block-address': 'Adressen gesperrt',
  'expire-contact': 'fremde Anmeldungen beendet',
  'rotate-secret': 'neue Passwörter',
};

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
const incidentsIn = (n: number): string => count(n, 'Vorfall', 'Vorfällen');

export const deReport: ReportWords = {
  title: (site) => `Bericht zum Telefonbetrug: ${site}`,
  period: (from, until) => `Von ${from} bis ${until}`,
  titles: {
    overview: 'In Kürze',
    course: 'Wann es geschah',
    stopped: 'Was verhindert wurde',
    through: 'Was durchkam',
    destinations: 'Wohin es ging',
    accounts: 'Auffällige Konten',
    blocks: 'Was getan wurde',
    undone: 'Von Menschen zurückgenommen',
    failed: 'Nicht gelungen',
    gaps: 'Wann ringfence nicht alles sah',
    keys: 'Schlüssel, die bald enden',
    passwords: 'Schwache Passwörter',
  },
  heads: {
    severity: 'Schwere',
    incidents: 'Vorfälle',
    open: 'nicht bestätigt',
    since: 'seit',
    what: 'was',
    cost: 'Kosten',
    place: 'Ziel',
    numbers: 'Nummern',
    risk: 'Risiko',
    account: 'Konto',
    gravest: 'schwerster',
    action: 'was',
    done: 'getan',
    observed: 'nur beobachtet',
    ended: 'vorbei',
    undone: 'zurückgenommen',
    failed: 'misslungen',
    pending: 'im Gange',
    target: 'wen',
    why: 'warum',
    until: 'bis',
    lasted: 'Dauer',
    key: 'Schlüssel von',
    ends: 'endet',
    audited: 'gefunden',
  },
  quiet: 'In dieser Zeit wurde nichts gefunden.',
  tally: (all, open) => `${count(all, 'Vorfall', 'Vorfälle')}, davon ${open} von niemandem bestätigt.`,
  compared: (now, before) =>
    before === 0
      ? 'Im Zeitraum davor gab es keinen.'
      : `Im Zeitraum davor ${count(before, 'Vorfall', 'Vorfälle')} (${now >= before ? '+' : '-'}${Math.round((Math.abs(now - before) / before) * 100)} %).`,
  observing: 'ringfence beobachtet hier nur: Es sagt, was es tun würde, und tut nichts (mode = "observe").',
  stopped: (incidents, calls, cost) =>
    `ringfence griff in ${incidentsIn(incidents)} ein und beendete ${count(calls, 'Anruf', 'Anrufe')}. Bis dahin waren Kosten von ${cost} entstanden.`,
  saved: (amount) =>
    `Im gleichen Tempo wären noch etwa ${amount} hinzugekommen, bis wieder jemand im Büro gewesen wäre. Eine vorsichtige Schätzung; docs/reports.md sagt, wie.`,
  nothingStopped: 'In dieser Zeit wurde nichts verhindert.',
  through: (incidents, cost) =>
    incidents === 1
      ? `In einem Vorfall, der Geld kostete oder hätte kosten können, geschah nichts. Kosten: ${cost}.`
      : `In ${incidents} Vorfällen, die Geld kosteten oder hätten kosten können, geschah nichts. Kosten: ${cost}.`,
  onlyObserved: (incidents) => `In ${incidents} davon hätte ringfence mit mode = "enforce" eingegriffen.`,
  nothingThrough: 'Nichts Schweres oder Teures kam durch.',
  noGaps: 'Jede Quelle war die ganze Zeit zu hören.',
  explain:
    'ringfence alerts show ID erklärt jeden Vorfall; ringfence alerts list --open zeigt, was noch niemand angesehen hat.',
  action: (action) => ACTIONS[action],
  severity: severityName,
  stands: 'noch immer',
  unknownPlace: 'dieses Land oder nicht bekannt',
  audited: (accounts, weak, latest) =>
    `Von ${count(accounts, 'geprüften Konto', 'geprüften Konten')} (zuletzt am ${latest}) ${weak === 1 ? 'hat' : 'haben'} ${weak === 0 ? 'keine' : weak} ein schwaches Passwort.`,
  mend: 'Geben Sie jedem ein neues aus 20 zufälligen Zeichen: ringfence rotate KONTO tut es sofort; danach pjsip.conf und das Telefon.',
  weakness: {
    empty: 'ist leer',
    'extension-number': 'ist die Nummer der Nebenstelle',
    'extension-variation': 'ist die Nummer der Nebenstelle, abgewandelt',
    'name-variation': 'ist der Name des Kontos oder daraus gemacht',
    'vendor-default': 'ist die Voreinstellung eines Herstellers oder einer Beispielkonfiguration',
    dictionary: 'steht im Wörterbuch oder ist mit den üblichen Kniffen aus einem Wort gemacht',
    pattern: 'ist ein Muster aus Tasten, Buchstaben oder Ziffern',
    'year-or-date': 'ist ein Jahr oder ein Datum',
    'site-name': 'ist der Name der Firma oder des Standorts oder daraus gemacht',
    digits: 'besteht nur aus Ziffern',
    'word-list': 'steht in der Wortliste',
  },
  more: (n) => `und ${n} weitere`,
  footer: 'Erstellt von ringfence. Kosten sind Schätzungen nach Ihrem Tarif, sonst nach einem üblichen.',
};
