/**
 * Claim: from a HEP datagram to evidence takes less than 7 µs of one core, so that with what the socket costs 100,000
 * packets/s are left.
 *
 * Control: each stage runs over the same packets as the one before it, so the table shows where the time goes. Limits: no
 * socket (hep-udp.ts has it); the packets lie in memory; processor time of all threads, garbage collection included.
 */
import { writeFileSync } from 'node:fs';
import { Child, temporaryFolder } from './support/child.ts';
import { median, table } from './support/print.ts';
import { BENCH_SETTINGS } from './support/settings.ts';
import { BENCH_START, mirrored } from './support/traffic.ts';
import type { Done, Work } from './support/worker.ts';

const ROUNDS = 9;
const STAGES = [
  ['decode', 'HEP decoded'],
  ['sip', '+ SIP scanned'],
  ['correlate', '+ correlated'],
  ['detect', '+ five detectors'],
] as const;

const file = `${temporaryFolder()}/traffic.hep`;
const packets = mirrored(5_000, (n) => BENCH_START + n / 50);
writeFileSync(file, Buffer.concat(packets));
const rows = [['', 'µs/packet', 'least']];
for (const [work, name] of STAGES) {
  const worker = new Child(0, 'worker', file, JSON.stringify(BENCH_SETTINGS));
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { items, cpuSeconds } = await worker.ask<Done>({ work } satisfies Work);
    times.push((cpuSeconds / items) * 1e6);
  }
  await worker.end();
  rows.push([name, median(times).toFixed(2), Math.min(...times).toFixed(2)]);
}
console.log(`HEP to evidence without a socket, ${packets.length} packets, median of ${ROUNDS}`);
console.log(table(rows));
