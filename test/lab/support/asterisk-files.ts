/**
 * The configuration of the lab's PBX: a small German office. What an admin sets up beside ringfence (the manager account, channel
 * variables, HEP, cdr_manager, the AstDB mappings) is here as docs/lab.md describes it; the rest is a plain PBX.
 */

/** A phone's account on the PBX; the endpoint, its auth and its AOR all have the extension as id. */
export interface Account {
  readonly extension: string;
  readonly password: string;
  readonly name: string;
  /** No password: whoever comes from this address is the account, and nobody else is (the gateway, which asks for keys). */
  readonly onlyFrom?: string;
  /** How many contacts the AOR holds; with 1 a new one replaces the old. */
  readonly maxContacts?: number;
  /** Digest that is asked for; SHA-256 needs Asterisk 20 or newer and is MD5 below that. Default MD5. */
  readonly algorithm?: 'MD5' | 'SHA-256' | 'SHA-256,MD5';
  /** Seconds between OPTIONS to the contact; 0 (default): none. */
  readonly qualifySeconds?: number;
}

/** 1003 has the kind of password that svcrack finds. */
export const accounts: readonly Account[] = [
  { extension: '1001', password: 'rP7-vbQ2-kLm9', name: 'Reception' },
  { extension: '1002', password: 'Xw4-tnD8-oPq1', name: 'Accounting' },
  { extension: '1003', password: '4711', name: 'Warehouse' },
  { extension: '1004', password: 'Hj6-zcF3-sRt5', name: 'Sales' },
  { extension: '1005', password: 'Bm1-ykG7-uVw2', name: 'Management', maxContacts: 3 },
  { extension: '1006', password: 'Qe9-xlJ5-aBc8', name: 'Workshop', algorithm: 'SHA-256' },
];

/** How the PBX writes call records; the defaults are those of Debian's package. */
export interface CdrOptions {
  /** Times in UTC (default) or local time. */
  readonly utc?: boolean;
  readonly uniqueId?: boolean;
  readonly userField?: boolean;
  readonly newColumns?: boolean;
  /** Records of calls that nobody answered because they were never dialled. Default false. */
  readonly unanswered?: boolean;
}

export interface HepTarget {
  readonly port: number;
  readonly password?: string;
  /** Where the collector listens, default 127.0.0.1. */
  readonly host?: string;
}

/** The other side of a trunk, and how it is reached and known where that is not its address. */
export interface TrunkPlace {
  readonly host: string;
  readonly port: number;
  /** Contact of its AOR, default `sip:host:port`. */
  readonly contact?: string;
  /** `Name: value` of a header that its requests have, in place of its address. */
  readonly header?: string;
}

export interface PbxOptions {
  readonly directory: string;
  readonly moduleDirectory: string;
  readonly dataDirectory: string;
  /** The modules that this build has, as file names. */
  readonly modules: readonly string[];
  readonly major: number;
  readonly host: string;
  readonly sipPort: number;
  readonly amiPort: number;
  readonly amiSecret: string;
  readonly labSecret: string;
  readonly rtpPorts: readonly [number, number];
  readonly accounts: readonly Account[];
  readonly trunk?: TrunkPlace;
  /** The dialplan of the context where calls from phones and, as `carrier`, calls of a customer come in. */
  readonly role: 'office' | 'carrier';
  readonly cdr: CdrOptions;
  readonly hep: HepTarget | null;
  /** Whether channels carry the caller's real address and Call-ID in AMI events (channelvars). */
  readonly channelVariables: boolean;
  /** Absolute path of a dialplan file with the context ringfence-guard, which outgoing calls then pass. */
  readonly guard?: string;
  /** Context in which calls from phones begin, default from-internal; another one is in the file that `guard` names. */
  readonly context?: string;
  /** Also listens on [::1], same port. */
  readonly ipv6?: boolean;
}

/** File name -> text. */
export function pbxFiles(options: PbxOptions): Map<string, string> {
  const files = new Map([
    ['asterisk.conf', asteriskConf(options)],
    ['modules.conf', modulesConf(options)],
    ['logger.conf', '[general]\ndateformat=%F %T.%3q\n[logfiles]\nconsole => notice,warning,error,security\n'],
    ['rtp.conf', `[general]\nrtpstart=${options.rtpPorts[0]}\nrtpend=${options.rtpPorts[1]}\n`],
    ['pjsip.conf', pjsipConf(options)],
    ['sorcery.conf', SORCERY],
    ['extensions.conf', options.role === 'office' ? officeDialplan(options) : CARRIER_DIALPLAN],
    ['manager.conf', managerConf(options)],
    ['cdr.conf', cdrConf(options.cdr)],
    ['cdr_manager.conf', '[general]\nenabled = yes\n[mappings]\nlinkedid => LinkedID\nsequence => Sequence\n'],
    ['hep.conf', hepConf(options)],
  ]);
  // without them Asterisk's defaults hold too, but it complains
  for (const name of [
    'acl',
    'ccss',
    'cel',
    'features',
    'indications',
    'pjproject',
    'stasis',
    'udptl',
    'websocket_client',
  ]) {
    files.set(`${name}.conf`, '');
  }
  return files;
}

function asteriskConf(options: PbxOptions): string {
  const own = (name: string): string => `${options.directory}/${name}`;
  return `[directories]
astcachedir => ${own('cache')}
astetcdir => ${own('etc')}
astmoddir => ${options.moduleDirectory}
astvarlibdir => ${own('varlib')}
astdbdir => ${own('varlib')}
astkeydir => ${own('varlib')}
astdatadir => ${options.dataDirectory}
astagidir => ${options.dataDirectory}/agi-bin
astspooldir => ${own('spool')}
astrundir => ${own('run')}
astlogdir => ${own('log')}
[options]
verbose = 0
nocolor = yes
`;
}

// What a small PBX needs. Loading every module that Debian ships takes longer and fills the log with modules that decline.
const WANTED =
  /^(res_(pjsip|pjproject|sorcery_(astdb|config|memory)|hep|hep_pjsip|hep_rtcp|rtp_asterisk|srtp|timing_timerfd|security_log|crypto|http_websocket|websocket_client)|res_pjsip_.*|chan_pjsip|pbx_config|cdr_csv|cdr_manager|bridge_(simple|native_rtp|softmix|holding|builtin_features)|codec_(a_mu|ulaw|alaw|gsm|resample)|format_(pcm|sln|wav|gsm)|app_(dial|echo|playtones|read|userevent|verbose|stack|while|exec|cdr|senddtmf|transfer)|func_(channel|cdr|db|callerid|cut|strings|logic|math|global|dialplan|base64|md5|sha1|timeout|env|pjsip_.*|hangupcause))\.so$/;
const UNWANTED =
  /res_pjsip_(config_wizard|phoneprov_provider|geolocation|stir_shaken|transport_websocket|publish_asterisk|mwi.*|exten_state|xpidf.*|pidf.*|dialog_info.*|history|notify|aoc|send_to_voicemail|outbound_publish)\.so/;

function modulesConf(options: PbxOptions): string {
  const load = options.modules.filter((name) => WANTED.test(name) && !UNWANTED.test(name));
  return ['[modules]', 'autoload = no', ...load.sort().map((name) => `load = ${name}`), ''].join('\n');
}

function pjsipConf(options: PbxOptions): string {
  const parts = [
    `[global]
type = global
endpoint_identifier_order = ip,header,username,anonymous
contact_expiration_check_interval = 2

[udp]
type = transport
protocol = udp
bind = ${options.host}:${options.sipPort}

[tcp]
type = transport
protocol = tcp
bind = ${options.host}:${options.sipPort}
${options.ipv6 === true ? ipv6Transport(options.sipPort) : ''}
[phone](!)
type = endpoint
context = ${options.context ?? 'from-internal'}
disallow = all
allow = ulaw,alaw
direct_media = no
message_context = messages

[phone-auth](!)
type = auth

[phone-aor](!)
type = aor
minimum_expiration = 5
support_path = yes
`,
    ...options.accounts.map((account) => phoneConf(account, options.major)),
  ];
  if (options.trunk !== undefined) parts.push(trunkConf(options.trunk, options.role));
  return parts.join('\n');
}

function ipv6Transport(port: number): string {
  return `
[udp6]
type = transport
protocol = udp
bind = [::1]:${port}
`;
}

function phoneConf(account: Account, major: number): string {
  const id = account.extension;
  const single = (account.maxContacts ?? 1) === 1;
  const digest =
    account.algorithm !== undefined && account.algorithm !== 'MD5' && major >= 20
      ? `auth_type = digest\nsupported_algorithms_uas = ${account.algorithm}\nsupported_algorithms_uac = ${account.algorithm}`
      : 'auth_type = userpass';
  return `[${id}](phone)
${account.onlyFrom === undefined ? `auth = ${id}` : `deny = 0.0.0.0/0.0.0.0\npermit = ${account.onlyFrom}`}
aors = ${id}
callerid = ${account.name} <${id}>
[${id}](phone-auth)
${digest}
username = ${id}
password = ${account.password}
[${id}](phone-aor)
max_contacts = ${account.maxContacts ?? 1}
remove_existing = ${single ? 'yes' : 'no'}
qualify_frequency = ${account.qualifySeconds ?? 0}
`;
}

/** The other side without registration: an office's carrier, or a carrier's customer. */
function trunkConf(trunk: TrunkPlace, role: PbxOptions['role']): string {
  return `[trunk]
type = endpoint
context = ${role === 'office' ? 'from-trunk' : 'from-customer'}
disallow = all
allow = ulaw,alaw
direct_media = no
aors = trunk
[trunk]
type = aor
contact = ${trunk.contact ?? `sip:${trunk.host}:${trunk.port}`}
[trunk]
type = identify
endpoint = trunk
${trunk.header === undefined ? `match = ${trunk.host}` : `match_header = ${trunk.header}`}
`;
}

// AstDB first, then the static files: what ringfence pushes shadows what stands in pjsip.conf, and goes when it is deleted.
// Asterisk reads this at start only.
const SORCERY = `[res_pjsip]
auth = astdb,ringfence
auth = config,pjsip.conf,criteria=type=auth
endpoint = astdb,ringfence
endpoint = config,pjsip.conf,criteria=type=endpoint
[acl]
acl = astdb,ringfence
acl = config,pjsip.conf,criteria=type=acl
`;

function officeDialplan(options: PbxOptions): string {
  const guard = options.guard === undefined ? '' : ' same => n,Gosub(ringfence-guard,s,1(${EXTEN}))\n';
  const out = (pattern: string): string => `exten => ${pattern},1,Gosub(origin,s,1)
${guard} same => n,Dial(PJSIP/\${EXTEN}@trunk,60)
 same => n,Hangup()
`;
  return `[general]
static = yes
writeprotect = yes
${options.guard === undefined ? '' : `#include "${options.guard}"\n`}
[origin]
; The caller's real address and Call-ID, which channelvars in manager.conf then adds to AMI events. A channel function in
; channelvars itself would deadlock Asterisk.
exten => s,1,Set(RINGFENCE_SRC=\${CHANNEL(pjsip,remote_addr)})
 same => n,Set(RINGFENCE_CALLID=\${CHANNEL(pjsip,call-id)})
 same => n,Return()

[from-internal]
; emergency calls, before anything that could stop them
${['110', '112'].map((number) => `exten => ${number},1,Gosub(origin,s,1)\n same => n,Dial(PJSIP/\${EXTEN}@trunk,60)\n same => n,Hangup()\n`).join('')}
exten => 600,1,Answer()
 same => n,Echo()
exten => _1XXX,1,Gosub(origin,s,1)
 same => n,Dial(PJSIP/\${EXTEN},30)
 same => n,Hangup()
; national (0 and an area code), international (00 or +)
${out('_0[1-9]X.')}${out('_00X.')}${out('_+X.')}
[messages]
exten => _1XXX,1,MessageSend(pjsip:\${EXTEN},\${MESSAGE(from)})
[from-trunk]
exten => _X.,1,Gosub(origin,s,1)
 same => n,Dial(PJSIP/1001,30)
 same => n,Hangup()
`;
}

/** A carrier answers whatever is dialled; three numbers are busy, out of service, or ring until the caller gives up. */
const CARRIER_DIALPLAN = `[general]
static = yes
writeprotect = yes
[from-customer]
exten => _.,1,NoOp()
 same => n,GotoIf($["\${EXTEN:-3}" = "486"]?busy)
 same => n,GotoIf($["\${EXTEN:-3}" = "503"]?congested)
 same => n,Ringing()
 same => n,GotoIf($["\${EXTEN:-3}" = "480"]?ring)
 same => n,Wait(0.1)
 same => n,Answer()
 same => n,Echo()
 same => n(ring),Wait(30)
 same => n,Hangup(19)
 same => n(busy),Hangup(17)
 same => n(congested),Hangup(34)
`;

function managerConf(options: PbxOptions): string {
  return `[general]
enabled = yes
webenabled = no
bindaddr = ${options.host}
port = ${options.amiPort}
timestampevents = yes
${options.channelVariables ? 'channelvars = RINGFENCE_SRC,RINGFENCE_CALLID\n' : ''}
; ringfence's account: events of these classes; "system" covers every action that it needs
[ringfence]
secret = ${options.amiSecret}
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
read = system,call,cdr,security,user
write = system
writetimeout = 5000

; the lab's own, so that what the tests ask does not show on ringfence's connection
[lab]
secret = ${options.labSecret}
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
read = system,call,cdr,security,user
write = system,call,reporting,command,originate,config
writetimeout = 5000
`;
}

function cdrConf(cdr: CdrOptions): string {
  const yes = (value: boolean): string => (value ? 'yes' : 'no');
  return `[general]
enable = yes
batch = no
unanswered = ${yes(cdr.unanswered ?? false)}
[csv]
usegmtime = ${yes(cdr.utc ?? true)}
loguniqueid = ${yes(cdr.uniqueId ?? true)}
loguserfield = ${yes(cdr.userField ?? true)}
newcdrcolumns = ${yes(cdr.newColumns ?? false)}
accountlogs = no
`;
}

function hepConf(options: PbxOptions): string {
  if (options.hep === null) return '[general]\nenabled = no\n';
  const { host = '127.0.0.1', port, password } = options.hep;
  return [
    '[general]',
    'enabled = yes',
    `capture_address = ${host}:${port}`,
    ...(password === undefined ? [] : [`capture_password = ${password}`]),
    'capture_id = 2001',
    'uuid_type = call-id',
    // Asterisk 16 does not know it and would then send no HEP at all
    ...(options.major >= 20 ? ['capture_name = lab-pbx'] : []),
    '',
  ].join('\n');
}
