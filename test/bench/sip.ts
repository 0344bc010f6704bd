/**
 * How many SIP messages a second are read on one core: `npx tsx test/bench/sip.ts` after `npm run build`.
 *
 * Claim: parsing a message and asking it the eight things that correlating asks of most messages costs less than 2.5 µs, half
 * of what the whole pipeline may spend on a packet. Counted is CPU time, so that neighbours on the machine weigh less.
 * It measures the compiled files (tsx keeps function names at a price); the messages are those that Asterisk and Kamailio mirrored.
 * Positive control: a loop that only looks at every byte. A reader that beats it has skipped something.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type * as Hep from '../../src/wire/hep.ts';
import type * as Sip from '../../src/wire/sip.ts';
import { DATA_FOLDER, hasData, listData, readData } from '../support/data.ts';

const compiled = join(import.meta.dirname, '../../dist/wire');
if (!existsSync(join(compiled, 'sip.js')) || !hasData('hep')) {
  console.log(`sip: skipped, for there is no ${existsSync(compiled) ? join(DATA_FOLDER, 'hep') : compiled}`);
  process.exit(0);
}
const { decodeHep } = (await import(join(compiled, 'hep.js'))) as typeof Hep;
const { parseSip } = (await import(join(compiled, 'sip.js'))) as typeof Sip;

const messages: Buffer[] = [];
for (const folder of ['asterisk-16', 'asterisk-22', 'kamailio-5.6']) {
  for (const path of listData(`hep/${folder}`, '.bin')) {
    const packet = decodeHep(readData(path));
    if (packet.ok && packet.value.payloadType === 1) messages.push(Buffer.from(packet.value.payload));
  }
}

function read(bytes: Buffer): Sip.SipMessage {
  const result = parseSip(bytes);
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

let sum = 0;

/** Median of nine turns over all messages. */
function measure(label: string, work: (bytes: Buffer) => number): void {
  const rates: number[] = [];
  const rounds = 500;
  for (let turn = 0; turn < 9; turn++) {
    const began = process.cpuUsage();
    for (let i = 0; i < rounds; i++) for (const bytes of messages) sum += work(bytes);
    const { user, system } = process.cpuUsage(began);
    rates.push((rounds * messages.length * 1e6) / (user + system));
  }
  rates.sort((a, b) => a - b);
  const rate = rates[4] ?? NaN;
  console.log(
    `${label.padEnd(28)} ${Math.round(rate).toLocaleString('en')} messages/s, ${Math.round(1e9 / rate)} ns each`,
  );
}

const mean = messages.reduce((bytes, message) => bytes + message.length, 0) / messages.length;
console.log(`${messages.length} messages, ${Math.round(mean)} bytes on average`);
measure('control: look at each byte', (bytes) => {
  let lines = 0;
  let i = 0;
  while (i < bytes.length) if ((bytes[i++] ?? 0) < 32) lines++;
  return lines;
});
measure('parse', (bytes) => read(bytes).cseq);
measure('parse, Call-ID and branch', (bytes) => {
  const message = read(bytes);
  return message.callId.length + message.branch.length;
});
measure('parse and eight fields', (bytes) => {
  const m = read(bytes);
  const texts = m.callId.length + m.branch.length + m.method.length + m.userAgent.length;
  return texts + m.cseq + m.fromUser.length + m.toUser.length + (m.credentials()?.username.length ?? 0);
});
console.log(`(${sum})`);
