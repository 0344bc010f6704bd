import type { AlarmMoment, AlarmText, AlarmWords } from './alarms.ts';

type Facts = AlarmMoment['facts'];

const FEEDS: Readonly<Record<string, readonly [name: string, mend: string]>> = {
  hep: [
    'Das gespiegelte SIP sagt',
    'Zu prüfen sind hep.conf in Asterisk oder siptrace in Kamailio, das Netz dazwischen und [hep] allow mit dem Passwort',
  ],
  ami: [
    'Die Manager-Schnittstelle von Asterisk sagt',
    'Zu prüfen ist, ob das Manager-Konto noch „call,security,reporting,cdr,dialplan,system“ lesen darf',
  ],
  cdr: [
    'Die Verbindungsdaten von Asterisk sagen',
    'Zu prüfen ist, ob Asterisk noch in Master.csv schreibt (cdr show status), ob die Datei verschoben wurde und ob die Platte voll ist',
  ],
};

const WHY: Readonly<Record<string, (calls: number) => string>> = {
  open: () => 'obwohl das Büro geöffnet ist und Telefone sich mindestens stündlich anmelden',
  others: (calls) => `während andere Quellen von ${calls} Anrufen berichteten`,
  usual: (calls) => `in einer Zeit, in der sonst etwa ${calls} Anrufe anfallen`,
};

function silent(feed: string, facts: Facts): AlarmText {
  const [name, mend] = FEEDS[feed] ?? [feed, ''];
  const why = WHY[String(facts['reason'])]?.(Number(facts['calls'])) ?? '';
  return {
    headline: `${name} nichts mehr, ${why}`,
    body: `Angriffe, die nur diese Quelle zeigt, werden jetzt nicht gesehen. ${mend}. ringfence doctor prüft jede Quelle.`,
  };
}

const texts: AlarmWords['texts'] = {
  'hep-silent': (facts) => silent('hep', facts),
  'ami-silent': (facts) => silent('ami', facts),
  'cdr-silent': (facts) => silent('cdr', facts),
  'cdr-unreadable': (facts, told) => ({
    headline: 'Die Verbindungsdaten sind nicht lesbar',
    body: `${told(facts['problem'])}. Es wird viermal in der Sekunde neu versucht; was inzwischen geschrieben wird, wird dann beurteilt.`,
  }),
  'ami-away': (facts) => ({
    headline:
      facts['state'] === 'refused'
        ? 'Asterisk lässt ringfence nicht herein'
        : 'ringfence hat keine Verbindung zu Asterisk',
    body: 'Jetzt kann nichts gesperrt und nichts aufgelegt werden; was gesperrt war, bleibt gesperrt. Zu prüfen ist, ob Asterisk läuft und ob manager.conf und das Passwort noch passen. ringfence versucht es von selbst weiter.',
  }),
  'target-away': (facts, told) => ({
    headline: `Sperren erreichen nicht: ${told(facts['targets'])}`,
    body: 'Was dort stehen soll, wird eingetragen, sobald es wieder antwortet. ringfence blocks sagt, was fehlt und warum.',
  }),
  'packets-lost': (facts, told) => ({
    headline: `Der Rechner verlor ${told(facts['lost'])} gespiegelte Pakete, bevor ringfence sie lesen konnte`,
    body: 'Was darin stand, wurde nicht beurteilt. Als root: sysctl -w net.core.rmem_max=16777216, dann ringfence neu starten. Ist das schon geschehen, so ist der Rechner überlastet, oder jemand überflutet die Anlage.',
  }),
  'limit-reached': () => ({
    headline: 'ringfence hat seine eigene Grenze erreicht und sperrt nach Regeln nichts mehr',
    body: 'Entweder versucht ein Angreifer, alle sperren zu lassen, oder eine Regel oder Netzangabe ist falsch. ringfence blocks zeigt, was steht; die Grenzen stehen unter [respond.limits]. Was Menschen von Hand sperren, wirkt weiterhin.',
  }),
  'store-stuck': (facts, told) => ({
    headline: 'ringfence kann seinen Speicher nicht schreiben',
    body: `Erkennung und Meldungen gehen weiter; ${told(facts['waiting'])} Änderungen warten im Arbeitsspeicher. Auf der Platte muss Platz geschaffen werden. Vorher nicht neu starten: was wartet, ginge verloren.`,
  }),
  'notify-stuck': (facts, told) => ({
    headline: `Meldungen kommen nicht hinaus über ${told(facts['channels'])}`,
    body: 'Sie werden aufbewahrt und gesendet, sobald es wieder geht. ringfence notify test sagt, was nicht stimmt.',
  }),
  'heartbeat-missed': () => ({
    headline: 'Der Dienst, der über ringfence wacht, ist nicht erreichbar',
    body: 'Er wird bald melden, ringfence sei ausgefallen, obwohl es läuft. Zu prüfen sind der Weg ins Internet und [heartbeat].',
  }),
  'ringfence-away': () => ({
    headline: 'ringfence lief nicht',
    body: 'Verbindungsdaten aus dieser Zeit wurden nachträglich beurteilt. Gespiegeltes SIP und Manager-Ereignisse aus dieser Zeit fehlen.',
  }),
};

export const deAlarms: AlarmWords = {
  texts,
  since: (time) => `Seit ${time}.`,
  over: (headline) => `Vorbei: ${headline}`,
  lasted: (from, duration) => `Beginn ${from}, Dauer ${duration}. Alles ist wieder in Ordnung.`,
};
