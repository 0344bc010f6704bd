/**
 * A small gateway for the lab: INVITEs that come from phones are judged by the toolbox's template `invite-in-smime`, as the commands put the
 * toolbox together, and go on opened; everything else passes. Each packet of the phones' side is told on stdout as it is seen by a mirror, and
 * each verdict. A line `clock N` on stdin sets its clock N milliseconds ahead. Its parent ends it, by SIGKILL.
 */
import { createHash } from 'node:crypto';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openToolbox, templateNamed, templatesOf } from '../../src/commands/toolbox.ts';
import { auditOf, keysFrom } from '../../src/commands/toolbox-keys.ts';
import { loadConfig } from '../../src/config.ts';
import { openStore } from '../../src/store/index.ts';
import { tools } from '../../src/toolbox/registry.ts';
import { compile } from '../../src/toolbox/template.ts';
import { readMessage } from '../../src/toolbox/user/message.ts';
import { mirrored } from '../lab/support/relay.ts';

/** Where the relay stands, and what it has. */
export interface RelaySettings {
  readonly settings: string;
  readonly own: { readonly host: string; readonly port: number };
  readonly pbx: { readonly host: string; readonly port: number };
  readonly ca: string;
  readonly crl: string;
  readonly cert: string;
  readonly key: string;
  readonly passphraseFile: string;
  /** where the phones' side is mirrored to */
  readonly hep: { readonly port: number; readonly password: string };
}

/** What it tells. */
export type RelayWord =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'packet';
      readonly at: number;
      readonly in: boolean;
      readonly peer: RemoteInfo;
      readonly bytes: string;
    }
  | {
      readonly kind: 'verdict';
      readonly source: string;
      readonly verdict: string;
      readonly code: string;
      readonly reason: string;
      readonly retransmission: boolean;
    };

const told = JSON.parse(process.argv[2] ?? '{}') as RelaySettings;
const { own, pbx, hep } = told;
const say = (word: RelayWord): void => void writeSync(1, `${JSON.stringify(word)}\n`);
const seen = (inward: boolean, peer: RemoteInfo, bytes: Buffer): void => {
  const packet = { at: clock(), in: inward, peer, bytes: bytes.toString('base64') };
  say({ kind: 'packet', ...packet });
  socket.send(mirrored(packet, told), hep.port, '127.0.0.1');
};

const config = loadConfig(told.settings);
const store = openStore(config.settings.store.path);
const from = await keysFrom(
  { ca: [told.ca], crl: [told.crl], cert: told.cert, key: told.key, passphraseFile: told.passphraseFile },
  store,
);
let ahead = 0;
const clock = (): number => Date.now() + ahead;
const { engine, services } = openToolbox(store, config, clock, {
  keys: from?.keys ?? null,
  audit: auditOf(store, from?.own ?? null),
});
const program = compile(templateNamed('invite-in-smime', templatesOf(config)).checked.template, tools, services);
if (!program.ok) throw new Error(JSON.stringify(program.problems));

const socket = createSocket('udp4');
/** branch of ours -> who waits for the answer */
const waiting = new Map<string, RemoteInfo>();
/** branch of ours -> what the PBX has answered last: Asterisk takes a repetition that comes after the ACK for a new call */
const answers = new Map<string, Buffer>();

const toPhone = (bytes: Buffer, peer: RemoteInfo): void => {
  seen(false, peer, bytes);
  socket.send(bytes, peer.port, peer.address);
};

const branchIn = (text: string): string => /^(?:Via|v)\s*:[^\r\n]*?;branch=([^;,\s]+)/im.exec(text)?.[1] ?? '';

const ownBranch = (bytes: Buffer, peer: RemoteInfo): string =>
  `z9hG4bKr${createHash('sha256')
    .update(`${branchIn(bytes.toString('latin1'))} ${peer.address}`)
    .digest('hex')
    .slice(0, 20)}`;

/** On to the PBX, with a Via of ours on top: the same for whatever comes by the same branch. */
function forward(bytes: Buffer, peer: RemoteInfo): void {
  const text = bytes.toString('latin1');
  const branch = ownBranch(bytes, peer);
  waiting.set(branch, peer);
  const line = text.indexOf('\r\n') + 2;
  const via = `Via: SIP/2.0/UDP ${own.host}:${own.port};branch=${branch}\r\n`;
  socket.send(Buffer.concat([bytes.subarray(0, line), Buffer.from(via), bytes.subarray(line)]), pbx.port, pbx.host);
}

/** An answer of the PBX, our Via taken off. */
function answered(bytes: Buffer): void {
  const text = bytes.toString('latin1');
  const peer = waiting.get(branchIn(text));
  const start = text.search(/^Via\s*:/im);
  const end = text.indexOf('\r\n', start) + 2;
  if (peer === undefined || start < 0) return;
  const stripped = Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  answers.set(branchIn(text), stripped);
  toPhone(stripped, peer);
}

/** The same answer to every refusal. */
function refuse(bytes: Buffer, peer: RemoteInfo): void {
  const lines = bytes.toString('latin1').split('\r\n\r\n', 1)[0]?.split('\r\n') ?? [];
  const kept = lines.filter((line) => /^(?:Via|From|To|Call-ID|CSeq)\s*:/i.test(line));
  toPhone(Buffer.from(['SIP/2.0 403 Forbidden', ...kept, 'Content-Length: 0', '', ''].join('\r\n'), 'latin1'), peer);
}

async function judge(bytes: Buffer, peer: RemoteInfo): Promise<void> {
  const read = readMessage(bytes);
  if (!read.ok) return;
  const at = { at: clock(), destination: own.host, destinationPort: own.port, transport: 'udp', proofs: [] } as const;
  const result = await engine.run(program.ok ? program.value : assertNever(), read.value, {
    ...at,
    source: peer.address,
    sourcePort: peer.port,
  });
  const { verdict, code, retransmission, record } = result;
  say({ kind: 'verdict', source: peer.address, verdict, code, reason: record.reason, retransmission });
  const answer = retransmission ? answers.get(ownBranch(bytes, peer)) : undefined;
  if (verdict !== 'accept') refuse(bytes, peer);
  else if (answer !== undefined) toPhone(answer, peer);
  else forward(result.bytes, peer);
}

const assertNever = (): never => {
  throw new Error('no program');
};

socket.on('message', (bytes, peer) => {
  if (peer.address === pbx.host && peer.port === pbx.port) {
    answered(bytes);
    return;
  }
  seen(true, peer, bytes);
  if (bytes.subarray(0, 7).toString('latin1') === 'INVITE ') void judge(bytes, peer);
  else forward(bytes, peer);
});
createInterface({ input: process.stdin }).on('line', (line) => {
  ahead = Number(line.replace('clock ', ''));
});
socket.bind(own.port, own.host, () => say({ kind: 'ready' }));
