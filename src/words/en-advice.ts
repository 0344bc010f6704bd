import type { Evidence, Incident } from '../model.ts';
import type { Broken } from './broken.ts';
import { advise, nameOf } from './common.ts';
import { ownLines, raisedLines, ruleLines, type Lines } from './settings-lines.ts';
import { visible } from './visible.ts';
import type { Advice } from './words.ts';

const blockInternational = (account: string): Advice =>
  advise(
    'If not: stop its calls abroad until this is cleared up',
    'ringfence block international',
    account,
    ' --for 12h',
  );

const NEW_SECRET =
  'Give it a new SIP password, on the PBX and on the phone, and change the same password wherever else it is used';
const newSecret = (account: string): Advice =>
  account === '' ? { text: NEW_SECRET } : advise(NEW_SECRET, 'ringfence rotate', account);

const blockAddresses = (incident: Incident): Advice[] =>
  incident.sources
    .slice(0, 3)
    .map((source) =>
      advise(
        `If nobody of yours is at ${visible(source, 64)}: block that address`,
        'ringfence block address',
        source,
        ' --for 24h',
      ),
    );

/** What to do about calls that an account placed. */
const callsOf = (account: string): Advice[] =>
  account === ''
    ? [{ text: 'Find out which phone or line placed these calls; the sources and calls above name it' }]
    : [
        { text: `Ask whoever uses ${account} whether these calls are theirs` },
        blockInternational(account),
        newSecret(account),
      ];

/** Steps of one detector. `account` is '' where none is known. */
type Steps = (incident: Incident, account: string) => Advice[];

const NOW: Readonly<Record<string, Steps>> = {
  'out-of-hours-calls': (_incident, account) =>
    account === ''
      ? [{ text: 'Find out which phone or line placed these calls; the sources and calls above name it' }]
      : [
          { text: `Ask whoever uses ${account} whether these calls are theirs` },
          blockInternational(account),
          {
            text: 'If they are not, hang up what is still running, and look at forwarding and voicemail call-back settings',
          },
          newSecret(account),
        ],
  'registration-hijack': (incident, account) => [
    { text: `Ask whoever uses ${account || 'the account'} whether the phone is at one of the addresses above` },
    ...(account === '' ? [] : [blockInternational(account)]),
    ...blockAddresses(incident),
    newSecret(account),
  ],
  'unregistered-caller': (incident) => [
    {
      text: 'The PBX takes calls from an address that never logged in: look for anonymous endpoints, allowguest or an identify section that is too wide',
    },
    ...blockAddresses(incident),
  ],
  'blocked-caller': (incident) => [
    { text: `Ask ${visible(incident.subject.value, 64)} whether the refused calls were theirs` },
    {
      text: 'If they were: the sentence above names the command that takes the block away; ringfence blocks shows all',
    },
    { text: 'If the account was abused meanwhile, give it a new SIP password first' },
  ],
  'brute-force': (incident, account) => [
    ...blockAddresses(incident),
    ...(account === '' ? [] : [{ text: `Make sure that the password of ${account} cannot be guessed` }]),
    { text: 'If one phone of yours only has an old password, correct it on that phone' },
  ],
  'call-burst': (_incident, account) => callsOf(account),
  'repeated-destination': (_incident, account) => [
    ...callsOf(account),
    { text: 'If the numbers are nobody of yours: block them with ringfence block number, for every phone' },
  ],
  'test-call': (_incident, account) => [
    { text: 'Somebody may be trying what the PBX lets through before the calls that cost money' },
    ...callsOf(account),
  ],
  'new-destination': (_incident, account) =>
    account === ''
      ? [{ text: 'Find out which phone or line placed these calls; the sources and calls above name it' }]
      : [
          { text: `Ask whoever uses ${account} whether they know anybody there` },
          blockInternational(account),
          newSecret(account),
        ],
  traffic: (_incident, account) =>
    account === ''
      ? [
          {
            text: 'Look whether the PBX, its trunks and what it mirrors to ringfence are alive: ringfence doctor tells',
          },
          { text: 'If calls flood in, ask the carrier whether he sees where they come from' },
        ]
      : [
          { text: `Look at what ${account} is doing: a campaign of yours, or a machine in its name` },
          newSecret(account),
        ],
  replay: (incident, account) => [
    {
      text: 'Somebody on the way can read your signalling: let phones and trunks speak TLS, with certificates that are checked',
    },
    { text: 'Where calls are encrypted with SDES keys, count those of the calls named above as overheard' },
    ...(account === '' ? [] : [newSecret(account)]),
    ...blockAddresses(incident),
  ],
  exposure: () => [
    { text: 'Let the phone or trunk speak TLS, or send its traffic through a tunnel; or encrypt calls with DTLS-SRTP' },
    { text: 'If a phone has stopped using TLS, ask who changed it: a reset, new firmware, or somebody in between' },
  ],
  latency: () => [
    { text: 'Look at the line, the load of the PBX and its disk; ask the carrier when it is the carrier that is slow' },
  ],
  spend: (_incident, account) => [
    { text: 'Hang up what still runs: ringfence does so by itself where it may act' },
    ...(account === ''
      ? [{ text: 'Find out which phone or line placed these calls; the numbers and sources above name it' }]
      : [{ text: `Ask whoever uses ${account} whether these calls are theirs` }, blockInternational(account)]),
    { text: 'Ask the carrier to bar premium and satellite numbers, and to set a limit of its own' },
  ],
  'risky-destination': (_incident, account) =>
    account === ''
      ? [{ text: 'Find out which phone or line placed these calls; the sources and calls above name it' }]
      : [
          { text: `Ask whoever uses ${account} whether they know anybody at these numbers` },
          blockInternational(account),
        ],
  'through-dial': () => [
    {
      text: 'Hang up these calls, and look in the dialplan for what lets a caller from outside dial on: DISA, a voicemail box with an outside line, an IVR that takes any digits, a context of the trunk that includes outgoing calls',
    },
    { text: 'Change the PINs of DISA and of the voicemail boxes, or switch off what nobody needs' },
  ],
  forwarding: (_incident, account) => [
    { text: `Ask whoever uses ${account || 'the extension'} whether they forward their calls there` },
    {
      text: `If not: take the forwarding away, on the PBX and on the web page of the phone, and hang up what still runs`,
    },
    ...(account === '' ? [] : [newSecret(account)]),
  ],
  wangiri: () => [
    { text: 'Tell everybody not to call back numbers abroad that rang once' },
    { text: 'Hang up call-backs that are still running; ringfence block number keeps others from calling there' },
  ],
  scan: (incident) => [
    ...blockAddresses(incident),
    { text: 'Nothing was taken yet; if the PBX need not be reached from everywhere, let the firewall say so' },
  ],
  flood: (incident) => [
    {
      text: 'See whether phones and calls still work; if the PBX suffers, let the firewall drop what the addresses send',
    },
    ...blockAddresses(incident),
  ],
  'spoofed-source': (incident) => [
    { text: "Let the router drop packets from outside that bear an inside address or the PBX's own" },
    ...blockAddresses(incident),
  ],
  'gateway-impersonation': (incident) => [
    {
      text: "Ask the carrier whether the address is theirs; if it is not, make the PBX take the trunk's calls from its own addresses only",
    },
    ...blockAddresses(incident),
  ],
  teardown: (incident) => [
    { text: 'Ask those whose calls are named whether they were cut off or moved' },
    { text: 'If they were, somebody reads or guesses the signalling: use TLS between phones and PBX' },
    ...blockAddresses(incident),
  ],
};

const BREACH = 'A password that was being guessed has been found: give the account a new one now';
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
    advise('When it is dealt with, say so, and it is not shown as new again', 'ringfence alerts ack', incident.id),
  ];
  return all.filter((a, i) => all.findIndex((b) => b.text === a.text) === i);
}

const SETTING: Readonly<Record<string, string>> = {
  'out-of-hours-calls':
    'If this account always works at such hours, give it hours of its own under [accounts] in the settings',
  'registration-hijack':
    'If the phone moves often, as one on a laptop or a mobile does, raise the thresholds of [detect.registration-hijack]',
  'unregistered-caller': 'If the address is a carrier or a branch office, name it under [network] trunks',
  'brute-force': 'If the address is shared by many phones of yours, name it under [network] never_block',
  'call-burst':
    'If this is how the account works (a dialler, a conference, a fax service), raise the thresholds of [detect.call-burst]; after two weeks what it usually does is let alone',
  'repeated-destination':
    'If a machine of yours calls there, raise the thresholds of [detect.repeated-destination]; a range that is called on several days by day is let alone',
  'test-call': 'If these are countries that you do business with, raise the thresholds of [detect.test-call]',
  'new-destination':
    'Nothing needs to be set: from tomorrow on the country is known here; where new ones are everyday business raise weeks under [detect.new-destination]',
  traffic: 'If it is business as usual, it becomes so within some weeks; until then raise calls under [detect.traffic]',
  replay:
    'If the address is a proxy of yours, or packets are captured on both sides of a NAT, name it under [network] pbx; if a make of phones never changes its keys, raise reused_key_calls under [detect.replay]',
  exposure: 'If the network in between is your own (a leased line, IPsec), name its addresses under [network] local',
  latency:
    'If it is how things are now, it becomes usual within some days; raise factor or floor under [detect.latency]',
  spend: 'If it is business, give the account, its group or the office a larger budget under [detect.spend]',
  'risky-destination':
    'If it is a partner of yours, list the range with a lower score in the risk_file of [numbers]; what is called on several days is let alone anyhow',
  'through-dial':
    'If it is an arrangement (an overflow to a partner abroad), list the number with a lower score in the risk_file of [numbers]; after some days it is let alone',
  forwarding:
    'If it is an arrangement, list the number with a lower score in the risk_file of [numbers]; after some days it is let alone',
  wangiri: 'If the callers are customers of yours, raise the thresholds of [detect.wangiri]',
  scan: 'If it is your own monitoring, name its address under [network] local or never_block',
  flood:
    'If these are phones of yours, name their address under [network] local, or raise the limits of [detect.flood]',
  'spoofed-source': 'If a proxy or firewall of yours rewrites addresses, name it under [network] pbx',
  'gateway-impersonation': "If the address is the carrier's, add it to this trunk under [network] trunks",
  teardown: "If it is a proxy of yours or the carrier's, name it under [network] pbx or trunks",
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
      : [{ text: `Or let ${visible(each.detector, 64)} bear more, which holds for everybody`, settings }];
  });
  const rule = ruleLines(detectors, story.account);
  const toldOnly: Advice[] =
    rule === null ? [] : [{ text: 'Or be told of it and have nothing done about it', settings: rule }];
  return [
    ...(account === ''
      ? []
      : [
          advise(
            'Let the account alone for as long as it is known to be right',
            'ringfence allow',
            account,
            ' --for 7d',
          ),
        ]),
    ...own,
    ...raised,
    ...toldOnly,
    advise('Acknowledge the incident', 'ringfence alerts ack', incident.id),
  ];
}
