/**
 * What pages of the console cost with 100,000 incidents in the store, in CPU time of the process that serves them (the machine
 * may be busy), and the longest time for which packets would have waited. Control: an asset, which is read from memory.
 *
 *   npm run bench -- console
 */
import { ConsoleBench, PASSWORD } from '../support/console.ts';
import { incident } from '../support/evidence.ts';

const INCIDENTS = 100_000;
const TURNS = 15;

const bench = new ConsoleBench();
bench.users({ ada: 'act' });
const now = Date.now();
for (let batch = 0; batch < INCIDENTS / 1_000; batch++)
  bench.store.commitJudged({
    cursor: 'run',
    incidents: Array.from({ length: 1_000 }, (_, i) => {
      const n = batch * 1_000 + i;
      const severity = (['medium', 'low', 'high', 'info', 'critical'] as const)[n % 5] ?? 'low';
      return incident(`many${String(n).padStart(8, '0')}`, { openedAt: now - n * 5_000, updatedAt: now, severity });
    }),
  });
const base = await bench.serve();
const login = await fetch(`${base}/login`);
const cookieOf = (answer: Response): string => (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
const html = await login.text();
const csrf = /name="csrf" value="([\w-]+)"/.exec(html)?.[1] ?? '';
const logged = await fetch(`${base}/login`, {
  ...{ method: 'POST', redirect: 'manual', headers: { Cookie: cookieOf(login) } },
  body: new URLSearchParams({ csrf, name: 'ada', password: PASSWORD }),
});
const headers = { Cookie: cookieOf(logged) };

/** The longest pause of the loop while `work` runs, milliseconds. */
async function pause(work: () => Promise<void>): Promise<number> {
  let [longest, last] = [0, performance.now()];
  const timer = setInterval(() => {
    const at = performance.now();
    longest = Math.max(longest, at - last - 1);
    last = at;
  }, 1);
  await work();
  clearInterval(timer);
  return longest;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const asset = /href="(\/assets\/style[^"]+)"/.exec(html)?.[1] ?? '/';
console.log(
  `${INCIDENTS} incidents, ${TURNS} turns: CPU and wall time in ms (median), longest pause of the loop, bytes`,
);
for (const [name, path] of [
  ['now (first page)', '/'],
  ['incidents', '/incidents'],
  ['incidents, gravest', '/incidents?order=gravest'],
  ['search for one id', '/incidents?q=many00000012'],
  ['search through 30,000', '/incidents?q=nothing-like-this'],
  ['one incident', '/incidents/many00000012'],
  ['audit trail', '/audit'],
  ['control: an asset', asset],
] as const) {
  const [cpu, wall]: [number[], number[]] = [[], []];
  let [bytes, longest] = [0, 0];
  for (let turn = 0; turn < TURNS; turn++) {
    const began = performance.now();
    const used = process.cpuUsage();
    longest = Math.max(
      longest,
      await pause(async () => {
        const answer = await fetch(base + path, { headers });
        if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`);
        bytes = (await answer.text()).length;
      }),
    );
    const { user, system } = process.cpuUsage(used);
    cpu.push((user + system) / 1_000);
    wall.push(performance.now() - began);
  }
  console.log(
    `${name.padEnd(24)} cpu ${median(cpu).toFixed(1).padStart(7)}  wall ${median(wall).toFixed(1).padStart(7)}  pause ${longest.toFixed(1).padStart(6)}  ${bytes} bytes`,
  );
}
await bench.close();
