import type { Evidence, Incident } from '../model.ts';
import type { Broken } from './broken.ts';
import { advise, nameOf } from './common.ts';
import { ownLines, raisedLines, ruleLines, type Lines } from './settings-lines.ts';
import { visible } from './visible.ts';
import type { Advice } from './words.ts';

const blockInternational = (account: string): Advice =>
  advise(
    'Wenn nicht: sperren Sie seine Auslandsanrufe, bis das geklärt ist',
    'ringfence block international',
    account,
    ' --for 12h',
  );

const NEW_SECRET =
  'Geben Sie ihm ein neues SIP-Passwort, auf der Anlage und am Telefon, und ändern Sie dasselbe Passwort überall sonst';
const newSecret = (account: string): Advice =>
  account === '' ? { text: NEW_SECRET } : advise(NEW_SECRET, 'ringfence rotate', account);

const blockAddresses = (incident: Incident): Advice[] =>
  incident.sources
    .slice(0, 3)
    .map((source) =>
      advise(
        `Wenn niemand von Ihnen an ${visible(source, 64)} ist: sperren Sie diese Adresse`,
        'ringfence block address',
        source,
        ' --for 24h',
      ),
    );

const FIND: Advice = {
  text: 'Finden Sie heraus, welches Telefon oder welche Leitung so telefoniert hat; Adressen und Anrufe oben nennen es',
};

const ask = (account: string): Advice => ({
  text: `Fragen Sie, wer ${account} benutzt, ob das seine Anrufe sind`,
});

/** What to do about calls that an account placed. */
const callsOf = (account: string): Advice[] =>
  account === '' ? [FIND] : [ask(account), blockInternational(account), newSecret(account)];

/** Steps of one detector. `account` is '' where none is known. */
type Steps = (incident: Incident, account: string) => Advice[];

const NOW: Readonly<Record<string, Steps>> = {
  'out-of-hours-calls': (_incident, account) =>
    account === ''
      ? [FIND]
      : [
          ask(account),
          blockInternational(account),
          {
            text: 'Wenn nicht: beenden Sie, was noch läuft, und sehen Sie nach Rufumleitungen und Rückrufen des Anrufbeantworters',
          },
          newSecret(account),
        ],
  'registration-hijack': (incident, account) => [
    {
      text: `Fragen Sie, wer ${account || 'das Konto'} benutzt, ob das Telefon an einer der Adressen oben ist`,
    },
    ...(account === '' ? [] : [blockInternational(account)]),
    ...blockAddresses(incident),
    newSecret(account),
  ],
  'unregistered-caller': (incident) => [
    {
      text: 'Die Anlage nimmt Anrufe von einer Adresse an, die sich nie angemeldet hat: suchen Sie nach einem Endpunkt anonymous, nach allowguest oder nach einem zu weiten Abschnitt identify',
    },
    ...blockAddresses(incident),
  ],
  'blocked-caller': (incident) => [
    { text: `Fragen Sie ${visible(incident.subject.value, 64)}, ob die abgewiesenen Anrufe gewollt waren` },
    { text: 'Wenn ja: ringfence blocks zeigt die Sperre und ringfence unblock hebt sie auf' },
    { text: 'Wenn das Konto inzwischen missbraucht wurde, geben Sie ihm zuerst ein neues SIP-Passwort' },
  ],
  'brute-force': (incident, account) => [
    ...blockAddresses(incident),
    ...(account === '' ? [] : [{ text: `Sorgen Sie dafür, dass das Passwort von ${account} nicht zu erraten ist` }]),
    { text: 'Wenn nur ein Telefon von Ihnen ein altes Passwort hat: berichtigen Sie es an diesem Telefon' },
  ],
  'call-burst': (_incident, account) => callsOf(account),
  'repeated-destination': (_incident, account) => [
    ...callsOf(account),
    {
      text: 'Wenn die Nummern zu niemandem von Ihnen gehören: sperren Sie sie mit ringfence block number für alle Telefone',
    },
  ],
  'test-call': (_incident, account) => [
    { text: 'Vielleicht probiert jemand, was die Anlage durchlässt, vor den Anrufen, die Geld kosten' },
    ...callsOf(account),
  ],
  'new-destination': (_incident, account) =>
    account === ''
      ? [FIND]
      : [
          { text: `Fragen Sie, wer ${account} benutzt, ob er dort jemanden kennt` },
          blockInternational(account),
          newSecret(account),
        ],
  traffic: (_incident, account) =>
    account === ''
      ? [
          {
            text: 'Sehen Sie nach, ob die Anlage, ihre Leitungen und was ringfence mithört am Leben sind: ringfence doctor sagt es',
          },
          { text: 'Wenn Anrufe hereinfluten: fragen Sie den Anbieter, ob er sieht, woher sie kommen' },
        ]
      : [
          { text: `Sehen Sie nach, was ${account} tut: eine Aktion von Ihnen oder eine Maschine in seinem Namen` },
          newSecret(account),
        ],
  replay: (incident, account) => [
    {
      text: 'Jemand unterwegs kann Ihre Signalisierung lesen: lassen Sie Telefone und Leitungen TLS sprechen, mit geprüften Zertifikaten',
    },
    { text: 'Wo Anrufe mit SDES-Schlüsseln verschlüsselt sind: rechnen Sie damit, dass die genannten abgehört wurden' },
    ...(account === '' ? [] : [newSecret(account)]),
    ...blockAddresses(incident),
  ],
  exposure: () => [
    {
      text: 'Lassen Sie das Telefon oder die Leitung TLS sprechen, oder durch einen Tunnel; oder verschlüsseln Sie Anrufe mit DTLS-SRTP',
    },
    {
      text: 'Wenn ein Telefon TLS nicht mehr benutzt: fragen Sie, wer es geändert hat, ein Zurücksetzen, neue Firmware oder jemand dazwischen',
    },
  ],
  latency: () => [
    {
      text: 'Sehen Sie nach der Leitung, der Last der Anlage und ihrer Platte; fragen Sie den Anbieter, wenn er langsam ist',
    },
  ],
  spend: (_incident, account) => [
    { text: 'Beenden Sie, was noch läuft: ringfence tut es selbst, wo es darf' },
    ...(account === '' ? [FIND] : [ask(account), blockInternational(account)]),
    {
      text: 'Bitten Sie den Anbieter, Sonder- und Satellitennummern zu sperren und selbst eine Grenze zu setzen',
    },
  ],
  'risky-destination': (_incident, account) =>
    account === ''
      ? [FIND]
      : [
          { text: `Fragen Sie, wer ${account} benutzt, ob er unter diesen Nummern jemanden kennt` },
          blockInternational(account),
        ],
  'through-dial': () => [
    {
      text: 'Beenden Sie diese Anrufe, und suchen Sie im Wählplan, was Anrufer von außen weiterwählen lässt: DISA, ein Anrufbeantworter mit Amtsleitung, ein Menü, das jede Ziffer nimmt, ein Kontext der Leitung, der abgehende Anrufe enthält',
    },
    { text: 'Ändern Sie die PINs von DISA und Anrufbeantwortern, oder schalten Sie ab, was niemand braucht' },
  ],
  forwarding: (_incident, account) => [
    { text: `Fragen Sie, wer ${account || 'die Nebenstelle'} benutzt, ob er seine Anrufe dorthin umleitet` },
    {
      text: 'Wenn nicht: nehmen Sie die Umleitung weg, auf der Anlage und auf der Webseite des Telefons, und beenden Sie, was noch läuft',
    },
    ...(account === '' ? [] : [newSecret(account)]),
  ],
  wangiri: () => [
    { text: 'Sagen Sie allen, dass sie Auslandsnummern, die einmal geklingelt haben, nicht zurückrufen sollen' },
    { text: 'Beenden Sie Rückrufe, die noch laufen; ringfence block number hält andere davon ab' },
  ],
  scan: (incident) => [
    ...blockAddresses(incident),
    {
      text: 'Genommen wurde noch nichts; wenn die Anlage nicht von überall erreichbar sein muss, lassen Sie die Firewall das sagen',
    },
  ],
  flood: (incident) => [
    {
      text: 'Sehen Sie nach, ob Telefone und Anrufe noch gehen; wenn die Anlage leidet, soll die Firewall verwerfen, was diese Adressen schicken',
    },
    ...blockAddresses(incident),
  ],
  'spoofed-source': (incident) => [
    {
      text: 'Der Router soll Pakete von außen verwerfen, die eine innere Adresse oder die der Anlage als Absender tragen',
    },
    ...blockAddresses(incident),
  ],
  'gateway-impersonation': (incident) => [
    {
      text: 'Fragen Sie den Anbieter, ob die Adresse seine ist; wenn nicht, soll die Anlage Anrufe der Leitung nur von deren eigenen Adressen annehmen',
    },
    ...blockAddresses(incident),
  ],
  teardown: (incident) => [
    { text: 'Fragen Sie die, deren Anrufe genannt sind, ob sie getrennt oder umgelenkt wurden' },
    { text: 'Wenn ja, liest oder errät jemand die Signalisierung: benutzen Sie TLS zwischen Telefonen und Anlage' },
    ...blockAddresses(incident),
  ],
};

const BREACH = 'Ein Passwort, das jemand erraten wollte, wurde gefunden: geben Sie dem Konto jetzt ein neues';
const breach = (account: string): Advice =>
  account === '' ? { text: BREACH } : advise(BREACH, 'ringfence rotate', account);

/** What to do now, first things first; no step twice. */
export function now(incident: Incident, evidence: readonly Evidence[], account: string): Advice[] {
  const detectors = [...new Set([incident.detector, ...evidence.map((e) => e.detector)])];
  const steps = detectors.flatMap((detector) => NOW[detector]?.(incident, account) ?? []);
  const breached = evidence.some((e) => e.detector === 'brute-force' && e.severity === 'critical');
  const all = [
    ...(breached ? [breach(account)] : []),
    ...steps,
    advise(
      'Wenn es erledigt ist, sagen Sie es, dann wird es nicht mehr als neu gezeigt',
      'ringfence alerts ack',
      incident.id,
    ),
  ];
  return all.filter((a, i) => all.findIndex((b) => b.text === a.text) === i);
}

const SETTING: Readonly<Record<string, string>> = {
  'out-of-hours-calls': 'Wenn dieses Konto immer um diese Zeit arbeitet: geben Sie ihm unter [accounts] eigene Zeiten',
  'registration-hijack':
    'Wenn das Telefon oft umzieht, wie eines auf einem Laptop: setzen Sie die Schwellen von [detect.registration-hijack] höher',
  'unregistered-caller':
    'Wenn die Adresse einem Anbieter oder einer Zweigstelle gehört: nennen Sie sie unter [network] trunks',
  'brute-force': 'Wenn sich viele Telefone von Ihnen die Adresse teilen: nennen Sie sie unter [network] never_block',
  'call-burst':
    'Wenn das Konto so arbeitet (Wählprogramm, Konferenz, Fax): setzen Sie die Schwellen von [detect.call-burst] höher; nach zwei Wochen ist es üblich',
  'repeated-destination':
    'Wenn eine Maschine von Ihnen dort anruft: setzen Sie die Schwellen von [detect.repeated-destination] höher; was an mehreren Tagen angerufen wird, ist bekannt',
  'test-call': 'Wenn Sie mit diesen Ländern Geschäfte machen: setzen Sie die Schwellen von [detect.test-call] höher',
  'new-destination':
    'Einzustellen ist nichts: ab morgen ist das Land hier bekannt; wo neue zum Geschäft gehören, setzen Sie weeks unter [detect.new-destination] höher',
  traffic:
    'Wenn es so richtig ist, wird es in einigen Wochen üblich; bis dahin setzen Sie calls unter [detect.traffic] höher',
  replay:
    'Wenn die Adresse ein Proxy von Ihnen ist, oder auf beiden Seiten eines NAT mitgehört wird: nennen Sie sie unter [network] pbx; wenn ein Telefonmodell seinen Schlüssel nie wechselt, setzen Sie reused_key_calls unter [detect.replay] höher',
  exposure:
    'Wenn das Netz dazwischen Ihnen gehört (Standleitung, IPsec): nennen Sie seine Adressen unter [network] local',
  latency:
    'Wenn es jetzt so ist, wird es in einigen Tagen üblich; sonst setzen Sie factor oder floor unter [detect.latency] höher',
  spend:
    'Wenn es Geschäft ist: geben Sie dem Konto, seiner Gruppe oder dem Büro unter [detect.spend] ein größeres Budget',
  'risky-destination':
    'Wenn es ein Partner von Ihnen ist: nennen Sie den Bereich mit geringerem Wert in der risk_file von [numbers]; was an mehreren Tagen angerufen wird, ist ohnehin bekannt',
  'through-dial':
    'Wenn es so eingerichtet ist (Überlauf zu einem Partner im Ausland): nennen Sie die Nummer mit geringerem Wert in der risk_file von [numbers]; nach einigen Tagen ist sie bekannt',
  forwarding:
    'Wenn es so eingerichtet ist: nennen Sie die Nummer mit geringerem Wert in der risk_file von [numbers]; nach einigen Tagen ist sie bekannt',
  wangiri: 'Wenn die Anrufer Kunden von Ihnen sind: setzen Sie die Schwellen von [detect.wangiri] höher',
  scan: 'Wenn es Ihre eigene Überwachung ist: nennen Sie ihre Adresse unter [network] local oder never_block',
  flood:
    'Wenn es Telefone von Ihnen sind: nennen Sie ihre Adresse unter [network] local, oder setzen Sie die Grenzen von [detect.flood] höher',
  'spoofed-source':
    'Wenn ein Proxy oder eine Firewall von Ihnen Adressen umschreibt: nennen Sie die Adresse unter [network] pbx',
  'gateway-impersonation':
    'Wenn die Adresse dem Anbieter gehört: nennen Sie sie bei dieser Leitung unter [network] trunks',
  teardown:
    'Wenn es ein Proxy von Ihnen oder des Anbieters ist: nennen Sie die Adresse unter [network] pbx oder trunks',
};

const withLines = (text: string, settings: Lines): Advice => (settings === null ? { text } : { text, settings });

/** What to do if nobody meant harm: for a while by a command, for good by the settings. */
export function legitimate(
  incident: Incident,
  evidence: readonly Evidence[],
  account: string,
  broken: readonly Broken[] = [],
): Advice[] {
  const detectors = [...new Set([incident.detector, ...evidence.map((e) => e.detector)])];
  const story = { incident, evidence, account: nameOf(incident) };
  const own = detectors.flatMap((detector) => {
    const text = SETTING[detector];
    return text === undefined ? [] : [withLines(text, ownLines(detector, story))];
  });
  const raised = broken.flatMap((each) => {
    const settings = raisedLines(each);
    return settings === null
      ? []
      : [{ text: `Oder lassen Sie ${visible(each.detector, 64)} mehr hinnehmen, was für alle gilt`, settings }];
  });
  const rule = ruleLines(detectors, story.account);
  const toldOnly: Advice[] =
    rule === null ? [] : [{ text: 'Oder lassen Sie es sich sagen und nichts dagegen tun', settings: rule }];
  return [
    ...(account === ''
      ? []
      : [
          advise(
            'Lassen Sie das Konto in Ruhe, solange es bekanntermaßen in Ordnung ist',
            'ringfence allow',
            account,
            ' --for 7d',
          ),
        ]),
    ...own,
    ...raised,
    ...toldOnly,
    advise('Bestätigen Sie den Vorfall', 'ringfence alerts ack', incident.id),
  ];
}
