import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '../../pbx/ami-state.ts';
import { assembleConf, confValue, confValues, isYes, type ConfSection } from '../../wire/conf.ts';
import { loadConf, type LoadedConf } from './conf-files.ts';
import { dialplanOf, hasGuard, reachOf, type Dialplan, type Reach } from './dialplan.ts';

/** A way out of the PBX, and where it leads. */
export interface TrunkFound {
  readonly name: string;
  /** addresses or host names of the carrier */
  readonly hosts: readonly string[];
}

/** Where Asterisk keeps its things (asterisk.conf, [directories]). */
export interface Directories {
  readonly etc: string;
  readonly log: string;
  readonly database: string;
  /** where the prompts are, below `sounds` */
  readonly data: string;
}

export interface ManagerFound {
  readonly enabled: boolean;
  readonly address: string;
  readonly port: number;
  readonly channelVariables: readonly string[];
  readonly timestamps: boolean;
  /** accounts, by name */
  readonly accounts: readonly ConfSection[];
}

/** What a look at Asterisk's configuration tells. Nothing in it has been run or changed. */
export interface AsteriskFound {
  readonly directories: Directories;
  /** is it made by FreePBX, which writes most files anew at each "Apply Config"? */
  readonly freepbx: boolean;
  readonly conf: (name: string) => LoadedConf | null;
  /** addresses that SIP is listened on, without wildcards, and those told to the outside */
  readonly addresses: readonly string[];
  readonly localNetworks: readonly string[];
  readonly endpoints: readonly string[];
  readonly trunks: readonly TrunkFound[];
  /** contexts in which calls of phones begin */
  readonly entries: readonly string[];
  readonly dialplan: Dialplan;
  readonly guard: boolean;
  readonly reach: Reach;
  /** prefix for an outside line, where the dialplan takes one off; '' where it does not */
  readonly outside: string;
  readonly manager: ManagerFound | null;
  readonly records: { readonly path: string; readonly exists: boolean; readonly utc: boolean; readonly batch: boolean };
  readonly mirror: { readonly present: boolean; readonly enabled: boolean; readonly address: string };
  /** ISO 3166-1 of indications.conf; null: it says nothing of its own (us is what it comes with) */
  readonly country: string | null;
  /** chan_sip says differently of wrong names and wrong passwords */
  readonly tellsNames: boolean;
  readonly problems: readonly string[];
}

/** Below Asterisk's directory: what is in it is ringfence's. */
export const FOLDER = 'ringfence';

const ANY = new Set(['0.0.0.0', '::', '[::]', '']);

/** `192.0.2.1:5060`, `[2001:db8::1]:5060`, `192.0.2.1` without the port. */
const hostOf = (text: string): string => {
  const uri = /^<?sips?:(?:[^@]*@)?([^;>?]+)/i.exec(text.trim())?.[1] ?? text.trim();
  const bracket = /^\[([^\]]+)\]/.exec(uri)?.[1];
  if (bracket !== undefined) return bracket;
  return (uri.match(/:/g)?.length ?? 0) > 1 ? uri : uri.replace(/:\d+$/, '');
};

const words = (values: readonly string[]): string[] => values.flatMap(namesIn);

const ofType = (sections: readonly ConfSection[], type: string): ConfSection[] =>
  sections.filter((section) => !section.template && confValue(section, 'type') === type);

interface Channels {
  readonly endpoints: string[];
  readonly trunks: TrunkFound[];
  readonly entries: Set<string>;
  readonly addresses: Set<string>;
  readonly localNetworks: Set<string>;
}

/** PJSIP: an endpoint is a trunk where its AOR has a fixed contact, or it is known by address or registers somewhere. */
function readPjsip(conf: LoadedConf | null, into: Channels): void {
  const sections = conf?.sections ?? [];
  for (const transport of ofType(sections, 'transport')) {
    for (const name of ['bind', 'external_signaling_address', 'external_media_address'])
      for (const value of confValues(transport, name)) if (!ANY.has(hostOf(value))) into.addresses.add(hostOf(value));
    for (const value of words(confValues(transport, 'local_net'))) into.localNetworks.add(value);
  }
  const aors = new Map(ofType(sections, 'aor').map((aor) => [aor.name, words(confValues(aor, 'contact'))]));
  const hosts = new Map<string, string[]>();
  const note = (endpoint: string, found: readonly string[]): void => {
    hosts.set(endpoint, [...(hosts.get(endpoint) ?? []), ...found.map(hostOf)]);
  };
  for (const identify of ofType(sections, 'identify'))
    note(confValue(identify, 'endpoint') ?? '', words(confValues(identify, 'match')));
  for (const registration of ofType(sections, 'registration'))
    note(confValue(registration, 'endpoint') ?? registration.name, [confValue(registration, 'server_uri') ?? '']);
  for (const endpoint of ofType(sections, 'endpoint')) {
    const contacts = words(confValues(endpoint, 'aors')).flatMap((aor) => aors.get(aor) ?? []);
    if (contacts.length > 0 || hosts.has(endpoint.name)) note(endpoint.name, contacts);
    into.endpoints.push(endpoint.name);
    const found = hosts.get(endpoint.name);
    if (found !== undefined) into.trunks.push({ name: endpoint.name, hosts: unique(found) });
    else into.entries.add(confValue(endpoint, 'context') ?? 'default');
  }
}

/** pjsip_wizard.conf: with remote_hosts it is a trunk. */
function readWizard(conf: LoadedConf | null, into: Channels): void {
  for (const wizard of ofType(conf?.sections ?? [], 'wizard')) {
    into.endpoints.push(wizard.name);
    const hosts = words(confValues(wizard, 'remote_hosts')).map(hostOf);
    if (hosts.length > 0) into.trunks.push({ name: wizard.name, hosts: unique(hosts) });
    else into.entries.add(confValue(wizard, 'endpoint/context') ?? 'default');
  }
}

/** sip.conf and iax.conf: a peer with a fixed host is a trunk. */
function readPeers(conf: LoadedConf | null, into: Channels): void {
  const general = conf?.sections.find(({ name }) => name.toLowerCase() === 'general');
  for (const peer of conf?.sections ?? []) {
    const type = confValue(peer, 'type');
    if (peer.template || !['peer', 'friend', 'user'].includes(type ?? '')) continue;
    const host = confValue(peer, 'host');
    into.endpoints.push(peer.name);
    if (host !== null && host !== 'dynamic') into.trunks.push({ name: peer.name, hosts: [hostOf(host)] });
    else into.entries.add(confValue(peer, 'context') ?? confValue(general, 'context') ?? 'default');
  }
  const bind = confValue(general, 'bindaddr') ?? confValue(general, 'udpbindaddr');
  if (bind !== null && !ANY.has(hostOf(bind))) into.addresses.add(hostOf(bind));
  for (const value of words(confValues(general, 'localnet'))) into.localNetworks.add(value);
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts.filter((text) => text !== ''))];

const general = (conf: LoadedConf | null): ConfSection | undefined =>
  conf?.sections.find(({ name }) => name.toLowerCase() === 'general');

/** What stands in a file but for what ringfence has put there: so that a second look finds the same. */
function theirs(conf: LoadedConf | null, etc: string): LoadedConf | null {
  if (conf === null) return null;
  const assembled = assembleConf(conf.items.filter(({ file }) => !file.startsWith(join(etc, FOLDER, '/'))));
  return assembled.ok ? { ...conf, sections: assembled.value } : conf;
}

function managerOf(conf: LoadedConf | null): ManagerFound | null {
  if (conf === null) return null;
  const own = general(conf);
  const bind = confValue(own, 'bindaddr') ?? '0.0.0.0';
  const port = /:(\d+)$/.exec(bind.includes('.') || bind.startsWith('[') ? bind : '')?.[1];
  return {
    enabled: isYes(confValue(own, 'enabled')),
    address: hostOf(bind),
    port: Number(port ?? confValue(own, 'port') ?? confValue(own, 'bindport') ?? '5038') || 5038,
    channelVariables: words([confValue(own, 'channelvars') ?? '']),
    timestamps: isYes(confValue(own, 'timestampevents')),
    accounts: conf.sections.filter(({ name, template }) => !template && name.toLowerCase() !== 'general'),
  };
}

/** The digits that patterns begin with and Dial leaves out, `_0X.` with `${EXTEN:1}`, where all that leave agree on them. */
function outsideOf(plan: Dialplan, reach: Reach): string {
  const found = new Set<string>();
  for (const name of reach.outgoing)
    for (const [extension, steps] of plan.get(name)?.extensions ?? [])
      for (const { application, data } of steps) {
        const digits = /^_(\d{1,4})/.exec(extension)?.[1];
        if (!/^Dial$/i.test(application) || digits === undefined) continue;
        const off = Number(/\$\{EXTEN:(\d)\}/.exec(data)?.[1] ?? '0');
        found.add(off === 0 || off > digits.length ? '' : digits.slice(0, off));
      }
  const [only] = found;
  return found.size === 1 && only !== undefined ? only : '';
}

/** Looks at Asterisk's configuration. `etc`: where it lies; default where asterisk.conf says, else /etc/asterisk. */
export function lookAtAsterisk(etc: string): AsteriskFound {
  const cache = new Map<string, LoadedConf | null>();
  const conf = (name: string): LoadedConf | null => {
    const known = cache.get(name);
    if (known !== undefined) return known;
    const read = loadConf(join(etc, name), etc);
    cache.set(name, read);
    return read;
  };
  const own = conf('asterisk.conf')?.sections.find(({ name, template }) => name === 'directories' && !template);
  const directory = (name: string, fallback: string): string => confValue(own, name) ?? fallback;
  const directories = {
    etc,
    log: directory('astlogdir', '/var/log/asterisk'),
    database: directory('astdbdir', '/var/lib/asterisk'),
    data: directory('astdatadir', existsSync('/usr/share/asterisk') ? '/usr/share/asterisk' : '/var/lib/asterisk'),
  };
  const into: Channels = {
    endpoints: [],
    trunks: [],
    entries: new Set(),
    addresses: new Set(),
    localNetworks: new Set(),
  };
  readPjsip(conf('pjsip.conf'), into);
  readWizard(conf('pjsip_wizard.conf'), into);
  for (const name of ['sip.conf', 'iax.conf']) readPeers(conf(name), into);

  const extensions = conf('extensions.conf');
  const dialplan = dialplanOf(extensions?.sections ?? []);
  const trunks = new Set(into.trunks.map(({ name }) => name));
  const reach = reachOf(dialplan, [...into.entries], trunks);
  const csv = conf('cdr.conf')?.sections.find(({ name }) => name === 'csv');
  const records = join(directories.log, 'cdr-csv', 'Master.csv');
  const hep = general(theirs(conf('hep.conf'), etc));
  const country = confValue(general(conf('indications.conf')), 'country');
  const sip = general(conf('sip.conf'));
  const files = ['pjsip.conf', 'extensions.conf', 'manager.conf', 'sorcery.conf', 'cdr.conf', 'hep.conf'];
  return {
    directories,
    freepbx: existsSync(join(etc, 'extensions_additional.conf')) || existsSync('/etc/freepbx.conf'),
    conf,
    addresses: [...into.addresses],
    localNetworks: [...into.localNetworks],
    endpoints: into.endpoints,
    trunks: into.trunks,
    entries: [...into.entries],
    dialplan,
    guard: hasGuard(dialplan),
    reach,
    outside: outsideOf(dialplan, reach),
    manager: managerOf(theirs(conf('manager.conf'), etc)),
    records: {
      path: records,
      exists: existsSync(records) || existsSync(join(directories.log, 'cdr-csv')),
      utc: isYes(confValue(csv, 'usegmtime')),
      batch: isYes(confValue(general(conf('cdr.conf')), 'batch')),
    },
    mirror: {
      present: conf('hep.conf') !== null,
      enabled: hep !== undefined && (confValue(hep, 'enabled') === null || isYes(confValue(hep, 'enabled'))),
      address: confValue(hep, 'capture_address') ?? '',
    },
    country: country === null || /^us/i.test(country) ? null : country.slice(0, 2).toUpperCase(),
    tellsNames: sip !== undefined && confValue(sip, 'alwaysauthreject') === 'no',
    problems: files.flatMap((name) => conf(name)?.problems ?? []).map((text) => text.replaceAll(`${etc}/`, '')),
  };
}

/** Where Asterisk's configuration lies; null: nowhere that is known. */
export function findEtc(given: string | undefined): string | null {
  const asked = given === undefined ? ['/etc/asterisk', '/usr/local/etc/asterisk'] : [given];
  return asked.find((path) => existsSync(path) && statSync(path).isDirectory()) ?? null;
}
