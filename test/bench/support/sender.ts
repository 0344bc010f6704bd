/**
 * The sending end of the UDP benchmark: argv = (unused, unused), file of concatenated HEPv3 packets. Asked with `Sending`,
 * it sends the packets in turn, evenly over time, and answers with `Sent`. Runs as plain JavaScript (child.ts).
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';

export interface Sending {
  readonly port: number;
  /** packets per second; 0: as fast as it goes */
  readonly rate: number;
  readonly milliseconds: number;
}

export interface Sent {
  readonly packets: number;
  readonly milliseconds: number;
}

const bytes = readFileSync(process.argv[4] ?? '');
const packets: Buffer[] = [];
for (let at = 0; at < bytes.length;) {
  const end = at + bytes.readUInt16BE(at + 4);
  packets.push(bytes.subarray(at, end));
  at = end;
}
const socket = createSocket('udp4');
socket.on('error', () => undefined);
/** sent together at the most, so that a sender who was held up does not make up for it in one burst */
const BURST = 64;
let next = 0;
let connectedTo = 0;

async function connect(port: number): Promise<void> {
  if (port === connectedTo) return;
  if (connectedTo !== 0) socket.disconnect();
  await new Promise<void>((connected) => socket.connect(port, '127.0.0.1', connected));
  connectedTo = port;
}

async function send({ port, rate, milliseconds }: Sending): Promise<Sent> {
  await connect(port);
  const started = performance.now();
  let sent = 0;
  for (;;) {
    const elapsed = performance.now() - started;
    if (elapsed >= milliseconds) return { packets: sent, milliseconds: elapsed };
    const due = rate === 0 ? sent + BURST : Math.min(sent + BURST, Math.floor((elapsed * rate) / 1000));
    for (; sent < due; sent++) {
      socket.send(packets[next] ?? '');
      if (++next === packets.length) next = 0;
    }
    // lets the socket do its work; at low rates a millisecond's packets go together, as from a busy proxy
    await new Promise((again) => (rate > 0 && rate < 20_000 ? setTimeout(again, 1) : setImmediate(again)));
  }
}

process.on('message', (sending: Sending) => void send(sending).then((sent) => process.send?.(sent)));
process.on('disconnect', () => process.exit());
