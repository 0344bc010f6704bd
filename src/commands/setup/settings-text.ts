import { stringify } from 'smol-toml';
import { emergencyNumbers } from '../../site/country-dialling.ts';
import type { TrunkFound } from './asterisk.ts';

/** What `init` answers for the settings, from what it has found. */
export interface Answers {
  readonly name: string;
  readonly timezone: string;
  readonly country: string;
  /** where the time zone and the country are from, for people */
  readonly guessedFrom: string;
  readonly outside: string;
  readonly internal: string;
  readonly pbx: readonly string[];
  readonly local: readonly string[];
  /** with addresses; what was a host name is told in `note` */
  readonly trunks: readonly (TrunkFound & { readonly note: string })[];
  readonly records: { readonly path: string; readonly utc: boolean } | null;
  readonly ami: { readonly host: string; readonly port: number; readonly secretFile: string } | null;
  readonly hep: {
    readonly listen: string;
    readonly allow: readonly string[];
    readonly passwordFile: string | null;
  } | null;
  readonly kamailio: { readonly rpc: string; readonly addresses: readonly string[] } | null;
  readonly store: string;
}

const value = (what: unknown): string => {
  if (Array.isArray(what)) return `[${what.map(value).join(', ')}]`;
  return stringify({ v: what }).trim().slice('v = '.length);
};

const DEFAULT_LOCAL = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '127.0.0.0/8',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
];

function trunkLines(trunks: Answers['trunks']): string[] {
  if (trunks.length === 0)
    return [
      '# no trunk was found: name it as Asterisk does, with the addresses of the carrier',
      '# trunks = [{ name = "carrier", addresses = ["198.51.100.0/28"] }]',
    ];
  return [
    'trunks = [',
    ...trunks.map(
      ({ name, hosts, note }) =>
        `  { name = ${value(name)}, addresses = ${value(hosts)} },${note === '' ? '' : ` # ${note}`}`,
    ),
    ']',
  ];
}

/** The settings file, in plain words: what was found is set, the rest stands as comments. It is right as it is. */
export function settingsText(answers: Answers): string {
  const { country, outside, records, ami, hep, kamailio } = answers;
  const emergency = emergencyNumbers(country).join(', ');
  return `${[
    '# Settings of ringfence, made by `ringfence init` from what it found. `ringfence config check` says what is wrong,',
    '# `ringfence config print` shows every setting there is; docs/settings.md explains them.',
    '',
    '# observe: say what would be done. After a week without surprises: mode = "enforce", then it acts.',
    'mode = "observe"',
    '',
    '[site]',
    `name = ${value(answers.name)}`,
    `# ${answers.guessedFrom}: is it the office's?`,
    `timezone = ${value(answers.timezone)}`,
    `country = ${value(country)}`,
    '# currency = "EUR"',
    '',
    '[dialing]',
    '# prefix for an outside line, if one is dialled; "" if not',
    `outside = ${value(outside)}`,
    '# what an extension looks like',
    `internal = ${value(answers.internal)}`,
    `# Emergency numbers are never blocked. Known for ${country}: ${emergency}. Add those of your own (first aid, porter):`,
    '# emergency = ["110"]',
    '',
    '[hours]',
    '# When is somebody there? Calls abroad at other times are what fraud looks like.',
    'open = ["Mon-Fri 08:00-18:00"]',
    '# public holidays of a country or region close the office: "DE-BE", "GB-ENG"; "" for none',
    `holidays = ${value('')}`,
    '',
    '# [accounts."1001"]              # an extension that works at any hour',
    '# hours = "always"',
    '',
    '[network]',
    "# the office's own networks",
    `local = ${value([...new Set([...DEFAULT_LOCAL, ...answers.local])])}`,
    "# the PBX's own addresses, and those of a proxy in front: never blocked",
    `pbx = ${value(answers.pbx)}`,
    '# where carriers signal from: never blocked',
    ...trunkLines(answers.trunks),
    '# further addresses that must never be blocked, a home office for example',
    '# never_block = ["203.0.113.7"]',
    '',
    ...(records === null
      ? ['# Call records come by the manager interface (cdr_manager): there is no Master.csv here.', '']
      : [
          '[asterisk.cdr]',
          `path = ${value(records.path)}`,
          '# usegmtime in cdr.conf',
          `utc = ${value(records.utc)}`,
          '',
        ]),
    ...(ami === null
      ? []
      : [
          '[asterisk.ami]',
          `host = ${value(ami.host)}`,
          `port = ${value(ami.port)}`,
          'username = "ringfence"',
          `secret_file = ${value(ami.secretFile)}`,
          '',
        ]),
    ...(hep === null
      ? []
      : [
          '[hep]',
          `listen = ${value([hep.listen])}`,
          `allow = ${value(hep.allow)}`,
          ...(hep.passwordFile === null ? [] : [`password_file = ${value(hep.passwordFile)}`]),
          '',
        ]),
    ...(kamailio === null
      ? []
      : ['[kamailio]', `rpc = ${value(kamailio.rpc)}`, `addresses = ${value(kamailio.addresses)}`, '']),
    '[store]',
    `path = ${value(answers.store)}`,
  ].join('\n')}\n`;
}

/** What extensions look like, from the names of endpoints: their lengths and first digits. */
export function internalPattern(endpoints: readonly string[]): string {
  const numbers = endpoints.filter((name) => /^\d{2,6}$/.test(name));
  if (numbers.length === 0) return '^[1-9][0-9]{1,4}$';
  const lengths = numbers.map((name) => name.length);
  const first = [...new Set(numbers.map((name) => name.charAt(0)))].sort().join('');
  const [least, most] = [Math.min(...lengths) - 1, Math.max(...lengths) - 1];
  return `^[${first}][0-9]{${least === most ? least : `${least},${most}`}}$`;
}
