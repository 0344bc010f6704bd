/**
 * Claim: the state of the whole pipeline (correlation, all detectors, habits, incidents) of a site with 100,000 accounts, after a
 * million requests of as many forged sources, is less than 256 MiB.
 *
 * Measured: the compiled files (npm run build first), heap and array buffers after a garbage collection, less what there was
 * before. Every account registers by mirrored SIP and calls abroad twice a day for eight days, as records tell; then each forged source
 * sends one request, a third each REGISTER with credentials, INVITE and OPTIONS, of which the PBX refuses every second. Control in the same run:
 * what a plain Map of one small object for each of them holds.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type * as Config from '../../src/config.ts';
import type * as Pipelines from '../../src/pipeline.ts';
import type * as Sites from '../../src/site/index.ts';
import { DAY, HOUR } from '../../src/time.ts';
import { record } from '../support/events.ts';
import { Station, type Packet } from '../support/sip-builder.ts';
import { DIST } from './support/child.ts';
import { grouped, mebibytes, table } from './support/print.ts';

if (!existsSync(join(DIST, 'pipeline.js'))) {
  console.log('memory: skipped, for dist/ is not built');
  process.exit(0);
}
const load = async <T>(file: string): Promise<T> => (await import(join(DIST, file))) as T;
const { settingsSchema } = await load<typeof Config>('config.js');
const { Pipeline } = await load<typeof Pipelines>('pipeline.js');
const { createSite, siteDefaults } = await load<typeof Sites>('site/index.js');

const ACCOUNTS = 100_000;
const DAYS = 8;
const SOURCES = 1_000_000;
const PBX = '192.0.2.10';
const MONDAY = Date.parse('2026-01-11T23:00:00Z');
const ABROAD = ['0037120000001', '0033140000001', '004314012345', '0041443334455', '00390612345678'];

const held = (): number => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
const address = (first: number, n: number): string => `${first}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

const before = held();
const settings = settingsSchema.parse({});
const made = createSite(
  siteDefaults({
    site: { name: 'memory', timezone: 'Europe/Berlin', country: 'DE' },
    network: { pbx: [PBX], trunks: [{ name: 'carrier', addresses: ['198.51.100.4'] }] },
  }),
);
if (!made.ok) throw new Error(JSON.stringify(made.problems));
const pipelineOf = (): Pipelines.Pipeline =>
  new Pipeline({
    live: false,
    detect: settings.detect,
    respond: settings.respond,
    site: made.value,
    amiRecords: false,
    changed: () => undefined,
  });
const pipeline = pipelineOf();
const take = ({ path, payload, at }: Packet): void => {
  pipeline.advance(at);
  pipeline.correlator.sip(path, payload, at, at);
};
const rows = [['', 'held', 'entries']];
const say = (name: string): void => {
  const entries = Object.values(pipeline.sizes()).reduce((sum, n) => sum + n, 0);
  rows.push([name, mebibytes(held() - before), grouped(entries)]);
};
say('an idle site');

for (let i = 0; i < ACCOUNTS; i++)
  new Station(address(100, i), 5060, PBX)
    .register(MONDAY + i, `a${i}`, { userAgent: 'Yealink SIP-T46S 66.86', callId: `own-${i}` })
    .forEach(take);
say(`${grouped(ACCOUNTS)} accounts have registered`);

const step = (10 * HOUR) / (ACCOUNTS * 2);
for (let day = 0; day < DAYS; day++)
  for (let i = 0; i < ACCOUNTS * 2; i++) {
    const at = MONDAY + day * DAY + 8 * HOUR + Math.floor(i * step);
    const dst = ABROAD[(i + day) % ABROAD.length] ?? '';
    const account = `a${i % ACCOUNTS}`;
    pipeline.advance(at + 60_000);
    pipeline.correlator.cdr(
      record(at, 60, { dst, channel: `PJSIP/${account}-${i}`, src: account, uniqueid: `${day}.${i}` }),
      Infinity,
    );
  }
say(`and have called abroad for ${DAYS} days`);

const night = MONDAY + DAYS * DAY;
for (let i = 0; i < SOURCES; i++) {
  const from = new Station(address(20, i), 5060, PBX);
  const at = night + Math.floor(i / 20);
  const method = ['REGISTER', 'INVITE', 'OPTIONS'][i % 3] ?? 'OPTIONS';
  const user = `u${i}`;
  const request = from.request(at, {
    method,
    user,
    callId: `c${i}`,
    to: `00${i}`,
    userAgent: `agent ${i}`,
    ...(method === 'REGISTER' ? { auth: user, answer: i.toString(16).padStart(32, '0') } : {}),
  });
  take(request);
  if (i % 2 === 0) take(from.answer(at, request, 401));
}
say(`and ${grouped(SOURCES)} forged sources`);

const parts: [string, number][] = [];
let left = held();
for (const part of pipelineOf().snapshot()) {
  pipeline.restore(new Map([[part.name, part]]));
  const now = held();
  parts.push([part.name, left - now]);
  left = now;
}

const plain = held();
const control = new Map<string, { at: number; count: number }>();
for (let i = 0; i < SOURCES + ACCOUNTS; i++) control.set(address(20, i), { at: i, count: 1 });
rows.push(['control: a Map of a small object for each', mebibytes(held() - plain), grouped(control.size)]);
console.log(table(rows));
console.log('of which, largest first');
const large = parts.filter(([, bytes]) => bytes > 512 * 1024).sort((a, b) => b[1] - a[1]);
console.log(table([['', 'held'], ...large.map(([name, bytes]) => [name, mebibytes(bytes)])]));
