/**
 * Work that is measured inside one process, without a socket: argv = URL of the built program, (unused), file of records or
 * packets, settings as JSON. Asked with `{ work }`, it does that work once over the whole file. Runs as plain JavaScript (child.ts).
 */
import { closeSync, createReadStream, openSync, readFileSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { CallRecord } from '../../../src/model.ts';

export interface Work {
  readonly work: 'split' | 'read' | 'judge' | 'decode' | 'sip' | 'correlate' | 'first' | 'detect';
}

export interface Done {
  /** rows or packets */
  readonly items: number;
  /** wall clock */
  readonly seconds: number;
  /** processor time, user and system, of all threads */
  readonly cpuSeconds: number;
}

const [, , dist = '', , path = '', json = '{}'] = process.argv;
const load = <T>(module: string): Promise<T> => import(dist + module) as Promise<T>;
const { CdrReader } = await load<typeof import('../../../src/wire/cdr.ts')>('wire/cdr.js');
const { decodeHep } = await load<typeof import('../../../src/wire/hep.ts')>('wire/hep.js');
const { parseSip } = await load<typeof import('../../../src/wire/sip.ts')>('wire/sip.js');
const { Correlator } = await load<typeof import('../../../src/correlate/index.ts')>('correlate/index.js');
const { Zone } = await load<typeof import('../../../src/time.ts')>('time.js');
const { Pipeline } = await load<typeof import('../../../src/pipeline.ts')>('pipeline.js');
const { detectors } = await load<typeof import('../../../src/detect/index.ts')>('detect/index.js');
const { createSite } = await load<typeof import('../../../src/site/index.ts')>('site/index.js');
const { settingsSchema } = await load<typeof import('../../../src/config.ts')>('config.js');

const CHUNK = 131_072;
/** 2026-11-18 09:00 in Berlin; arrivals are 50 packets a millisecond. */
const START = Date.UTC(2026, 10, 18, 8);
const settings = settingsSchema.parse(JSON.parse(json));

function siteOf(): ConstructorParameters<typeof Correlator>[0] {
  const site = createSite(settings);
  if (!site.ok) throw new Error('the settings of the benchmark are wrong');
  return site.value;
}

/** The detectors that stood before there were others, which all together are compared with. */
const FIRST = new Set(['brute-force', 'out-of-hours-calls', 'registration-hijack', 'scan', 'unregistered-caller']);

function pipelineOf(live: boolean, which: (name: string) => boolean = () => true): InstanceType<typeof Pipeline> {
  const all = [...detectors];
  const running = detectors as unknown as (typeof detectors)[number][];
  running.splice(0, running.length, ...all.filter(({ name }) => which(name)));
  const pipeline = new Pipeline({
    live,
    detect: settings.detect,
    respond: settings.respond,
    site: siteOf(),
    amiRecords: false,
    changed: () => undefined,
  });
  running.splice(0, running.length, ...all);
  return pipeline;
}

async function split(): Promise<number> {
  let rows = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity }))
    if (line.split(',').length > 1) rows++;
  return rows;
}

function read(take: (record: CallRecord) => void): number {
  const reader = new CdrReader({ zone: new Zone('Europe/Berlin'), utc: true });
  const file = openSync(path, 'r');
  let rows = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const length = readSync(file, chunk);
    if (length === 0) break;
    for (const item of reader.push(chunk.subarray(0, length))) {
      if (!item.ok) throw new Error(item.reason);
      rows++;
      take(item.record);
    }
  }
  closeSync(file);
  return rows;
}

function judge(): number {
  const pipeline = pipelineOf(false);
  return read((record) => {
    pipeline.advance(record.end);
    pipeline.correlator.cdr(record, Infinity);
  });
}

/** Each packet a buffer of its own, as a socket gives them. */
function packets(take: (datagram: Buffer, at: number) => void): number {
  for (const [n, datagram] of all().entries()) take(datagram, START + n / 50);
  return all().length;
}

const kept: Buffer[] = [];
function all(): readonly Buffer[] {
  if (kept.length > 0) return kept;
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length;) {
    const end = at + bytes.readUInt16BE(at + 4);
    kept.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  return kept;
}

function correlated({ sip }: { sip: Correlator['sip'] }): number {
  return packets((datagram, at) => {
    const decoded = decodeHep(datagram);
    if (decoded.ok) sip(decoded.value, decoded.value.payload, at, at);
  });
}

type Correlator = InstanceType<typeof Correlator>;

const works: Record<Work['work'], () => number | Promise<number>> = {
  split,
  read: () => read(() => undefined),
  judge,
  decode: () => packets((datagram) => void decodeHep(datagram)),
  sip: () =>
    packets((datagram) => {
      const decoded = decodeHep(datagram);
      if (decoded.ok) parseSip(decoded.value.payload);
    }),
  correlate: () => {
    const correlator = new Correlator(siteOf(), { live: true }, () => undefined);
    return correlated({ sip: correlator.sip.bind(correlator) });
  },
  first: () => {
    const { correlator } = pipelineOf(true, (name) => FIRST.has(name));
    return correlated({ sip: correlator.sip.bind(correlator) });
  },
  detect: () => {
    const { correlator } = pipelineOf(true);
    return correlated({ sip: correlator.sip.bind(correlator) });
  },
};

process.on('message', ({ work }: Work) => {
  const started = performance.now();
  const before = process.cpuUsage();
  void Promise.resolve(works[work]()).then((items) => {
    const { user, system } = process.cpuUsage(before);
    const done: Done = { items, seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
    process.send?.(done);
  });
});
process.on('disconnect', () => process.exit());
