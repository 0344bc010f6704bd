/**
 * The receiving end of the UDP benchmark: argv = URL of the built program, URL of package.json, what to do with a datagram.
 * Answers `{}` with what it has counted so far. Runs as plain JavaScript (child.ts).
 */
import { createSocket } from 'node:dgram';
import { createRequire } from 'node:module';

export interface Received {
  readonly port: number;
  readonly packets: number;
  /** µs of processor time, user and system, of all threads */
  readonly cpu: number;
  /** bytes */
  readonly rss: number;
  /** datagrams that the kernel had no room for; -1: it does not say */
  readonly drops: number;
  readonly evidence: number;
}

const [, , dist = '', packageJson = '', work = ''] = process.argv;
let packets = 0;
let evidence = 0;
let port = 0;

/** A socket as the collector's own, and what is done with each datagram. */
async function bare(take: (datagram: Buffer) => void): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (datagram) => {
    packets++;
    take(datagram);
  });
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  socket.setRecvBufferSize(16 * 1024 * 1024);
  port = socket.address().port;
}

/** The detectors that stood before there were others, which all together are compared with. */
const FIRST = new Set(['brute-force', 'out-of-hours-calls', 'registration-hijack', 'scan', 'unregistered-caller']);

/** Our own, with all detectors or the first five. */
async function pipeline(which: 'all' | 'first'): Promise<void> {
  const load = <T>(path: string): Promise<T> => import(dist + path) as Promise<T>;
  const { listenHep } = await load<typeof import('../../../src/collect/hep.ts')>('collect/hep.js');
  const { Pipeline } = await load<typeof import('../../../src/pipeline.ts')>('pipeline.js');
  const { settingsSchema } = await load<typeof import('../../../src/config.ts')>('config.js');
  const { createSite } = await load<typeof import('../../../src/site/index.ts')>('site/index.js');
  const { Counters } = await load<typeof import('../../../src/counters.ts')>('counters.js');
  const { detectors } = await load<typeof import('../../../src/detect/index.ts')>('detect/index.js');
  const running = detectors as unknown as (typeof detectors)[number][];
  if (which === 'first') running.splice(0, running.length, ...detectors.filter(({ name }) => FIRST.has(name)));
  const settings = settingsSchema.parse(JSON.parse(process.argv[5] ?? '{}'));
  const site = createSite(settings);
  if (!site.ok) throw new Error('the settings of the benchmark are wrong');
  const { correlator } = new Pipeline({
    live: true,
    detect: settings.detect,
    respond: settings.respond,
    site: site.value,
    amiRecords: false,
    changed: () => {
      evidence++;
    },
  });
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const collector = await listenHep(
    { listen: ['udp:127.0.0.1:0'], allow: ['127.0.0.1'], password: null },
    {
      packet: (packet, arrival) => {
        packets++;
        correlator.sip(packet, packet.payload, packet.seenAt ?? arrival, arrival);
      },
      refused: ({ at, source, reason }) => correlator.malformed('hep', source, reason, at, at),
    },
    new Counters(),
    silent,
  );
  port = collector.addresses()[0]?.port ?? 0;
  setInterval(() => correlator.tick(Date.now()), 250);
}

if (work === 'pipeline') await pipeline('all');
else if (work === 'first') await pipeline('first');
else if (work === 'hep-js') {
  const hep = createRequire(packageJson)('hep-js') as { decapsulate(datagram: Buffer): unknown };
  await bare((datagram) => void hep.decapsulate(datagram));
} else await bare(() => undefined);

type Drops = typeof import('../../../src/collect/kernel-drops.ts');
const { kernelDrops } = (await import(`${dist}collect/kernel-drops.js`)) as Drops;

process.on('message', () => {
  void kernelDrops('127.0.0.1', port).then((drops) => {
    const { user, system } = process.cpuUsage();
    const received: Received = { port, packets, cpu: user + system, rss: process.memoryUsage.rss(), drops: drops ?? -1, evidence }; // prettier-ignore
    process.send?.(received);
  });
});
process.on('disconnect', () => process.exit());
