/**
 * Claim: one core takes 100,000 mirrored packets a second from the socket to evidence, and uses at most 2.5 times the
 * processor time of a loop that receives and throws away.
 *
 * Controls in the same run: that bare loop (the floor), and hep-js, which decodes HEP and does nothing more with it.
 * The second claim: all detectors keep the packet rate that the first five of them had within 20 %. Measured in the same way,
 * one after the other at two rates, as the ratio of their medians; the slower packets come, the more of each one's time is the socket's.
 *
 * Limits: loopback has no network card's interrupts; sender and receiver are Node programs on a core each, so the sender,
 * too, has an end (its own fastest rate is printed). The time of both is processor time of the receiver (user and system,
 * all threads), which a busy machine disturbs less than the clock on the wall.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, pinned, temporaryFolder } from './support/child.ts';
import { grouped, mebibytes, median, table } from './support/print.ts';
import type { Received } from './support/receiver.ts';
import type { Sending, Sent } from './support/sender.ts';
import { BENCH_SETTINGS } from './support/settings.ts';
import { BENCH_START, mirrored } from './support/traffic.ts';

const RATES = [10_000, 30_000, 60_000, 80_000, 100_000, 120_000, 150_000, 0];
const STEP = 2_500;
/** All detectors and the first five take turns so often, at each of these rates. */
const TURNS = 11;
const TURN_RATES = [30_000, 60_000];

interface Step {
  readonly rate: number;
  readonly offered: number;
  readonly taken: number;
  readonly lost: number;
  /** CPU seconds for 100,000 packets */
  readonly cpu: number;
  readonly rss: number;
  readonly evidence: number;
}

async function step(sender: Child, receiver: Child, rate: number, milliseconds: number): Promise<Step> {
  const before = await receiver.ask<Received>({});
  const sent = await sender.ask<Sent>({ port: before.port, rate, milliseconds } satisfies Sending);
  const start = performance.now();
  let after = await receiver.ask<Received>({});
  // what waits in the socket is still to come
  for (let seen = -1; seen !== after.packets; after = await receiver.ask<Received>({})) {
    seen = after.packets;
    await sleep(50);
  }
  const seconds = (sent.milliseconds + Math.max(0, performance.now() - start - 100)) / 1000;
  const packets = after.packets - before.packets;
  return {
    rate,
    offered: Math.round((sent.packets / sent.milliseconds) * 1000),
    taken: Math.round(packets / seconds),
    lost: sent.packets - packets,
    cpu: (after.cpu - before.cpu) / packets / 10,
    rss: after.rss,
    evidence: after.evidence,
  };
}

const file = `${temporaryFolder()}/traffic.hep`;
writeFileSync(file, Buffer.concat(mirrored(5_000, (n) => BENCH_START + n / 50)));
const sender = new Child(1, 'sender', file);

console.log(`HEP over loopback UDP, ${pinned ? 'sender and receiver on a core each' : 'not pinned to cores'}`);
// in turn at each rate, so that whatever else the machine does hits all of them
const WORKS = ['count', 'hep-js', 'pipeline'] as const;
const receivers = WORKS.map((work) => [work, new Child(0, 'receiver', work, JSON.stringify(BENCH_SETTINGS))] as const);
const results = new Map<string, Step[]>(WORKS.map((work) => [work, []]));
for (const [, receiver] of receivers) await step(sender, receiver, 60_000, 4_000); // compilation is not measured
for (const rate of RATES)
  for (const [work, receiver] of receivers) results.get(work)?.push(await step(sender, receiver, rate, STEP));
for (const [, receiver] of receivers) await receiver.end();
const turns = (['first', 'pipeline'] as const).map((work) => ({
  receiver: new Child(0, 'receiver', work, JSON.stringify(BENCH_SETTINGS)),
  steps: [] as Step[],
}));
for (const { receiver } of turns) await step(sender, receiver, 60_000, 4_000);
for (const rate of TURN_RATES)
  for (let turn = 0; turn < TURNS; turn++)
    for (const { receiver, steps } of turns) steps.push(await step(sender, receiver, rate, STEP));
for (const { receiver } of turns) await receiver.end();
await sender.end();

const floor = results.get('count') ?? [];
const rows: string[][] = [['receiver', 'asked/s', 'sent/s', 'taken/s', 'lost', 'CPU s/100k', 'x floor', 'RSS', 'evidence']]; // prettier-ignore
for (const [work, steps] of results)
  for (const [i, s] of steps.entries())
    rows.push([
      work,
      s.rate === 0 ? 'all' : grouped(s.rate),
      grouped(s.offered),
      grouped(s.taken),
      s.lost === 0 ? '0' : `${grouped(s.lost)} (${((s.lost * 100) / (s.offered * (STEP / 1000))).toFixed(2)} %)`,
      s.cpu.toFixed(2),
      (s.cpu / (floor[i]?.cpu ?? NaN)).toFixed(2),
      mebibytes(s.rss),
      String(s.evidence),
    ]);
console.log(table(rows));

const pipeline = results.get('pipeline') ?? [];
const lossFree = Math.max(0, ...pipeline.filter((s) => s.lost === 0).map((s) => s.taken));
const most = Math.max(...pipeline.map((s) => s.taken));
const ratios = pipeline.map((s, i) => s.cpu / (floor[i]?.cpu ?? NaN)).sort((a, b) => a - b);
console.log(
  `HEP datagram to evidence: ${grouped(lossFree)} packets/s without loss, ${grouped(most)} at the most; ` +
    `${(ratios[ratios.length >> 1] ?? NaN).toFixed(2)} times the CPU of the bare loop (median of the steps, ` +
    `${(ratios[0] ?? NaN).toFixed(2)} to ${(ratios.at(-1) ?? NaN).toFixed(2)})`,
);
for (const rate of TURN_RATES) {
  const at = turns.map(({ steps }) => steps.filter((s) => s.rate === rate));
  const [five = NaN, all = NaN] = at.map((steps) => median(steps.map(({ cpu }) => cpu)) * 10);
  const offered = at.flat().reduce((sum, s) => sum + (s.offered * STEP) / 1_000, 0);
  const lost = at.flat().reduce((sum, s) => sum + s.lost, 0);
  console.log(
    `all detectors at ${grouped(rate)} packets/s: ${all.toFixed(2)} µs of processor time a packet, the first five ${five.toFixed(2)}: ` +
      `${(all / five).toFixed(3)} times (medians of ${TURNS} turns, ${((lost * 100) / offered).toFixed(1)} % lost)`,
  );
}
