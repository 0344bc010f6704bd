import type { Action, Decision, Evidence, Incident, Severity } from '../model.ts';
import { severityRank } from '../model.ts';
import { costOf, inState, meaningsOf } from './common.ts';
import { money } from './de-basics.ts';

/** What each detector's word usually means, for somebody who has never heard of SIP. */
const MEANS: Readonly<Record<string, string>> = {
  'out-of-hours-calls':
    'Jemand telefoniert auf Ihre Kosten, während niemand im Büro ist; oft mit einem gestohlenen Passwort, zu Nummern, an denen der Dieb verdient.',
  'registration-hijack':
    'Ein anderes Gerät hat sich als eines Ihrer Telefone angemeldet. Wer es hat, kann auf Ihre Kosten telefonieren und bekommt die Anrufe, die für Sie sind.',
  'unregistered-caller':
    'Es wird von einem Ort aus telefoniert, an dem keines Ihrer Telefone steht: durch eine Lücke der Anlage oder mit einem gestohlenen Passwort.',
  'blocked-caller': 'Eine Sperre von ringfence trifft vielleicht jemanden, der nur arbeiten will.',
  'brute-force': 'Jemand probiert ein Passwort nach dem anderen, um sich als eines Ihrer Telefone anzumelden.',
  scan: 'Jemand geht von Tür zu Tür und sieht nach, welche Telefone diese Anlage hat. Genommen wurde noch nichts.',
  'call-burst': 'Hier wählt ein Programm, kein Mensch: so viele Anrufe so schnell.',
  'repeated-destination':
    'Dieselben wenigen teuren Nummern werden immer wieder angerufen, wie es niemand für ein Gespräch tut.',
  'new-destination': 'Ein Land oder eine Art von Nummer wurde angerufen, wohin sonst niemand von hier anruft.',
  'risky-destination': 'Es wurden Nummern angerufen, die teuer oder für Betrug bekannt sind.',
  spend: 'Anrufe haben mehr gekostet, als sie nach Ihrer Vorgabe höchstens kosten dürfen.',
  'test-call': 'Kurze Anrufe probieren, welche teuren Nummern erreichbar sind; die langen folgen meistens.',
  'through-dial':
    'Anrufe kommen von außen herein und gehen auf Ihre Kosten wieder hinaus: über den Anrufbeantworter, ein Menü oder eine Durchwahl.',
  forwarding: 'Ein Telefon ist auf eine teure Nummer umgeleitet, und jeder Anruf dorthin kostet Geld.',
  wangiri: 'Anrufe klingeln einmal und legen auf, damit jemand die teure Nummer zurückruft.',
  flood: 'Die Anlage bekommt weit mehr geschickt, als sie brauchen kann; Telefone können ausfallen.',
  'spoofed-source': 'Nachrichten erreichen die Anlage, die vorgeben, von woanders zu kommen.',
  'gateway-impersonation': 'Jemand gibt sich als Ihre Telefongesellschaft oder als ein Gateway von Ihnen aus.',
  replay: 'Aufgezeichnete Nachrichten eines Ihrer Telefone werden von jemand anderem noch einmal benutzt.',
  teardown: 'Jemand, der nicht zu einem Gespräch gehört, versucht es zu beenden oder umzuleiten.',
  exposure:
    'Schlüssel oder Passwörter sind so unterwegs, dass andere sie lesen können. Passiert sein muss noch nichts.',
  latency: 'Die Verbindung ist langsam geworden. Das betrifft die Qualität und ist kein Angriff.',
  traffic: 'Es wird viel mehr oder viel weniger telefoniert als sonst um diese Zeit.',
};

/** The same where it has come to that. */
const MEANS_CRITICAL: Readonly<Record<string, string>> = {
  'brute-force': 'Jemand hat das Passwort eines Ihrer Telefone herausgefunden und sich damit angemeldet.',
};

const URGENCY: Readonly<Record<Severity, string>> = {
  critical: 'Das geschieht jetzt: Handeln Sie sofort.',
  high: 'Wenn es ein Angriff ist, ist er noch nicht oder nicht ganz gelungen: Kümmern Sie sich heute darum.',
  medium: 'Es ist merkwürdig und vielleicht harmlos: Sehen Sie im Lauf des Tages danach.',
  low: 'Es ist nichts zu tun; es wird nur zur Kenntnis gesagt.',
  info: 'Es ist nichts zu tun.',
};

const PAST: Readonly<Record<Action, readonly [one: string, many: (count: number) => string]>> = {
  none: ['nichts getan', () => 'nichts getan'],
  'hang-up': ['einen Anruf beendet', (n) => `${n} Anrufe beendet`],
  'block-account': ['alle Anrufe eines Kontos gesperrt', (n) => `alle Anrufe von ${n} Konten gesperrt`],
  'block-international': ['Auslandsanrufe eines Kontos gesperrt', (n) => `Auslandsanrufe von ${n} Konten gesperrt`],
  'block-number': ['eine Nummer gesperrt', (n) => `${n} Nummern gesperrt`],
  'block-address': ['eine Adresse gesperrt', (n) => `${n} Adressen gesperrt`],
  'expire-contact': ['die Anmeldung des Fremden beendet', (n) => `${n} fremde Anmeldungen beendet`],
  'rotate-secret': ['einem Konto ein neues Passwort gegeben', (n) => `${n} Konten neue Passwörter gegeben`],
};

const and = (parts: readonly string[]): string =>
  parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} und ${parts.at(-1) ?? ''}`;

function deeds(decisions: readonly Decision[]): string {
  const counts = new Map<Action, number>();
  for (const { action } of decisions) counts.set(action, (counts.get(action) ?? 0) + 1);
  return and([...counts].map(([action, n]) => (n === 1 ? PAST[action][0] : PAST[action][1](n))));
}

function response(decisions: readonly Decision[]): string {
  if (decisions.length === 0) return 'ringfence hat nichts dagegen getan.';
  const done = inState(decisions, 'done');
  const observed = inState(decisions, 'observed');
  const failed = inState(decisions, 'failed').length;
  const could = failed === 0 ? '' : ' Nicht alles davon gelang: siehe unten.';
  if (done.length > 0) return `ringfence hat ${deeds(done)}.${could}`;
  if (inState(decisions, 'pending').length > 0) return `ringfence ist dabei.${could}`;
  if (failed > 0)
    return 'ringfence hat versucht, es zu beenden, und konnte es nicht: Jemand muss es von Hand tun, siehe unten.';
  if (observed.length > 0) return `ringfence beobachtet hier nur und hat nichts getan; es hätte ${deeds(observed)}.`;
  return 'Was ringfence getan hatte, ist abgelaufen oder wurde zurückgenommen.';
}

function cost(incident: Incident, evidence: readonly Evidence[]): string {
  const found = costOf(incident, evidence);
  const { loss } = incident;
  if (found.kind === 'untaken') return 'Kein Anruf wurde am anderen Ende angenommen: Es hat noch nichts gekostet.';
  if (found.kind === 'unknown') return 'Was die Anrufe kosten, ist nicht bekannt.';
  if (found.kind !== 'known' || loss === null) return 'Es ist kein Anruf bekannt.';
  const on =
    found.hourly > 0 ? `; ginge es so weiter, wären es etwa ${money(found.hourly, loss.currency)} in der Stunde` : '';
  return `Es hat bisher ${loss.estimated ? 'etwa ' : ''}${money(loss.amount, loss.currency)} gekostet${on}.`;
}

/** The whole story in a few sentences: what it means, what it costs, what was done, how soon somebody must look. */
export function inShort(incident: Incident, evidence: readonly Evidence[], decisions: readonly Decision[]): string[] {
  const many =
    incident.accounts.length > 1 && severityRank(incident.severity) >= severityRank('medium')
      ? [`${incident.accounts.length} Konten sind betroffen.`]
      : [];
  return [
    ...meaningsOf(incident, evidence, MEANS, MEANS_CRITICAL),
    ...many,
    cost(incident, evidence),
    response(decisions),
    URGENCY[incident.severity],
  ];
}
