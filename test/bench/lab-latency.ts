/**
 * npm run bench:lab [-- ROUNDS]: how long after the packet that completes the evidence an incident stands, on the lab's
 * real Asterisk, by each feed alone and by all. Claim: median ≤ 100 ms live, ≤ 1 s from call records.
 * Each round is a fresh lab and a fresh `ringfence run`; the packet's time is the user agent's, the incident's is when the
 * line, which is printed once it is stored, was read. Control: the delay of the user agent's own 200 in the same clock is 0.
 */
import { hijack, internationalCalls } from '../lab/support/attacks.ts';
import { startLab } from '../lab/support/lab.ts';
import { freePort } from '../lab/support/ports.ts';
import { pause } from '../lab/support/process.ts';
import { writeSettings } from '../lab/support/settings.ts';
import { Watcher, type SeenAlert } from '../lab/support/watcher.ts';

const rounds = Number(process.argv[2] ?? 10);
const PASSWORD = 'bench';

const combinations = [
  { name: 'mirrored SIP alone', hep: true, ami: false, cdr: false },
  { name: 'manager events alone', hep: false, ami: true, cdr: false },
  { name: 'both', hep: true, ami: true, cdr: false },
  { name: 'call records alone', hep: false, ami: false, cdr: true },
];

interface Delays {
  readonly hijack: number[];
  readonly outOfHours: number[];
}

/** Delay from the latest moment before the line to the line. */
function delay(moments: readonly { at: number }[], seen: SeenAlert): number {
  const before = moments.filter((moment) => moment.at <= seen.at).at(-1);
  return before === undefined ? NaN : seen.at - before.at;
}

async function round(feeds: (typeof combinations)[number], delays: Delays): Promise<void> {
  const port = await freePort();
  const lab = await startLab({ hep: { port, password: PASSWORD }, trunk: 'own' });
  const hep = feeds.hep ? { port, password: PASSWORD } : null;
  const watcher = await Watcher.start(writeSettings(lab, { hep, ami: feeds.ami, cdr: feeds.cdr }));
  try {
    if (!feeds.cdr) {
      const { moments } = await hijack(lab);
      const seen = await watcher.alert((a) => a.detector === 'registration-hijack' && a.severity === 'high', 'hijack');
      delays.hijack.push(delay(moments, seen));
      await pause(200);
    }
    const { moments } = await internationalCalls(lab, feeds.cdr ? '1001' : '1005');
    const late = (a: SeenAlert['alert']): boolean => a.detector === 'out-of-hours-calls' && a.severity === 'critical';
    const seen = await watcher.alert(late, 'out of hours');
    delays.outOfHours.push(delay(moments, seen));
  } finally {
    await watcher.stop();
    await lab.stop();
  }
}

const median = (values: readonly number[]): string => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return middle === undefined ? '-' : `${middle} ms (worst ${sorted.at(-1) ?? middle} ms)`;
};

console.log(`incident after the packet that completes the evidence, ${rounds} rounds each, median`);
console.log(`${'feeds'.padEnd(24)}${'hijack'.padEnd(26)}out of hours`);
for (const feeds of combinations) {
  const delays: Delays = { hijack: [], outOfHours: [] };
  for (let i = 0; i < rounds; i++) await round(feeds, delays);
  console.log(`${feeds.name.padEnd(24)}${median(delays.hijack).padEnd(26)}${median(delays.outOfHours)}`);
}
