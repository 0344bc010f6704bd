/**
 * Claim: from a HEP datagram to evidence takes less than 7 µs of one core, so that with what the socket costs 100,000
 * packets/s are left.
 *
 * Control: each stage runs over the same packets as the one before it, so the table shows where the time goes; the stages take
 * turns, so that whatever else the machine does hits all of them. The last line is what all detectors cost over the first five.
 * Limits: no socket (hep-udp.ts has it); the packets lie in memory; processor time of all threads, garbage collection included;
 * each round begins with empty tables.
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
  ['first', '+ five detectors'],
  ['detect', '+ all detectors'],
] as const;

const file = `${temporaryFolder()}/traffic.hep`;
const packets = mirrored(5_000, (n) => BENCH_START + n / 50);
writeFileSync(file, Buffer.concat(packets));
const stages = STAGES.map(([work, name]) => ({
  work,
  name,
  worker: new Child(0, 'worker', file, JSON.stringify(BENCH_SETTINGS)),
  times: [] as number[],
}));
for (let round = 0; round < ROUNDS; round++)
  for (const { work, worker, times } of stages) {
    const { items, cpuSeconds } = await worker.ask<Done>({ work } satisfies Work);
    times.push((cpuSeconds / items) * 1e6);
  }
for (const { worker } of stages) await worker.end();
const rows = [
  ['', 'µs/packet', 'least'],
  ...stages.map(({ name, times }) => [name, median(times).toFixed(2), Math.min(...times).toFixed(2)]),
];
console.log(`HEP to evidence without a socket, ${packets.length} packets, median of ${ROUNDS}`);
console.log(table(rows));
const least = new Map(stages.map(({ work, times }) => [work, Math.min(...times)]));
const ratio = (least.get('detect') ?? NaN) / (least.get('first') ?? NaN);
console.log(`all detectors: ${ratio.toFixed(2)} times the time of the first five, without a socket`);
