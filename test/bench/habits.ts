/**
 * Claim: what is usual of 100,000 accounts, all of which call abroad, is held in less than 128 MiB; a call costs less than
 * 5 µs to learn; of a snapshot of 100 MiB only what changed is made, one or two MiB by day.
 *
 * Measured: the compiled files (npm run build first), each call as one call record, in the order of time, a day with three
 * calls of each account, after a week of such days. Controls in the same run: a plain Map of counters by account and hour of
 * the week, fed the same (what it holds is what a naive baseline costs), and the loop that makes the events and drops them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type * as Learned from '../../src/detect/learned-habits.ts';
import type { CallRecorded, Event } from '../../src/model.ts';
import { DAY } from '../../src/time.ts';
import { record, recorded } from '../support/events.ts';
import { testSite } from '../support/site.ts';
import { DIST } from './support/child.ts';
import { grouped, mebibytes, median, table } from './support/print.ts';

const file = join(DIST, 'detect/learned-habits.js');
if (!existsSync(file)) {
  console.log(`habits: skipped, for there is no ${file}`);
  process.exit(0);
}
const { LearnedHabits } = (await import(file)) as typeof Learned;

const ACCOUNTS = 100_000;
const DAYS = 8;
const CALLS = 3;
const MONDAY = Date.parse('2026-01-11T23:00:00Z');
const ABROAD = ['0037120000001', '0033140000001', '004314012345', '0041443334455', '00390612345678'];
const site = testSite();

/** One event, filled in anew for each call. */
const template = recorded(record(MONDAY, 60));
function* calls(day: number): Generator<CallRecorded> {
  const step = (10 * 3_600_000) / (ACCOUNTS * CALLS);
  for (let i = 0; i < ACCOUNTS * CALLS; i++) {
    const at = MONDAY + day * DAY + 8 * 3_600_000 + Math.floor(i * step);
    const account = `a${i % ACCOUNTS}`;
    const dst = ABROAD[(i + day) % ABROAD.length] ?? '';
    yield { ...template, at, seenAt: at, call: `${day}.${i}`, account, record: { ...template.record, dst, start: at } };
  }
}

const held = (): number => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external; // array buffers are part of external
};

/** CPU nanoseconds a call, of the median day, and what is held after all. */
function measure(name: string, make: () => (event: Event) => void): string[] {
  const before = held();
  const take = make();
  const costs: number[] = [];
  for (let day = 0; day < DAYS; day++) {
    const began = process.cpuUsage();
    for (const event of calls(day)) take(event);
    const { user, system } = process.cpuUsage(began);
    costs.push(((user + system) * 1_000) / (ACCOUNTS * CALLS));
  }
  const row = [name, `${grouped(median(costs))} ns`, mebibytes(held() - before)];
  take({ ...template, at: template.at }); // keeps it alive until it is weighed
  return row;
}

const rows = [['', 'a call', 'held']];
rows.push(measure('control: events alone', () => () => undefined));
rows.push(
  measure('control: a Map of counters', () => {
    const counts = new Map<string, number>();
    return (event) => {
      const { account, at } = event as CallRecorded;
      const key = `${account ?? ''}|${Math.floor(at / 3_600_000) % 168}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    };
  }),
);
const habits = new LearnedHabits(site);
rows.push(measure('habits', () => (event) => habits.take(event)));
console.log(`${grouped(ACCOUNTS)} accounts, ${CALLS} calls a day each, ${DAYS} days`);
console.log(table(rows));

const revisions = new Map<string, number | undefined>();
/** What is stored of a snapshot: the parts that have changed since the last one. */
function snapshot(name: string): string[] {
  const began = process.cpuUsage();
  let bytes = 0;
  let parts = 0;
  for (const { name: part, revision, state } of habits.parts()) {
    if (revision !== undefined && revisions.get(part) === revision) continue;
    revisions.set(part, revision);
    bytes += JSON.stringify(state()).length;
    parts++;
  }
  const { user, system } = process.cpuUsage(began);
  return [name, `${((user + system) / 1_000).toFixed(0)} ms`, mebibytes(bytes), `${parts} parts`];
}
const written = [['snapshot', 'CPU', 'text', 'changed'], snapshot('the first, of all')];
// as it is live: ticks, and calls of accounts all over the table
let n = 0;
const tick = (at: number): void => habits.take({ kind: 'tick', at, seenAt: at, feed: 'clock' });
function live(from: number, name: string): void {
  for (let second = 0; second < 15; second++) {
    tick(from + second * 1_000);
    for (let i = 0; i < 25; i++, n++)
      habits.take({ ...template, at: from + second * 1_000, call: `live.${n}`, account: `a${(n * 7_919) % ACCOUNTS}` });
  }
  written.push(snapshot(name));
}
const midnight = MONDAY + DAYS * DAY;
live(midnight, '15 s of 25 calls a second after midnight');
live(midnight + 15_000, 'the next');
for (let second = 30; second < 4_000; second++) tick(midnight + second * 1_000);
written.push(snapshot('the hour after midnight at once'));
live(midnight + DAY / 2, '15 s of 25 calls a second at noon');
live(midnight + DAY / 2 + 15_000, 'the next');
const asked = process.cpuUsage();
let sum = 0;
for (let i = 0; i < 2_000; i++)
  sum += habits.expected(
    { account: `a${i * 7}` },
    'calls',
    MONDAY + 8 * DAY + 36_000_000,
    MONDAY + 8 * DAY + 39_600_000,
  );
const { user, system } = process.cpuUsage(asked);
console.log(table(written));
console.log(
  `asked what is expected of an account's hour: ${((user + system) / 2_000).toFixed(1)} µs (${sum.toFixed(0)})`,
);
