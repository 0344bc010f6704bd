import { createSocket } from 'node:dgram';

/** What a HEPv3 datagram of the lab says; decoded apart from the code under test. */
export interface HepDatagram {
  readonly at: number;
  readonly password: string | undefined;
  readonly captureId: number | undefined;
  /** `127.0.10.1:5061` */
  readonly source: string;
  readonly destination: string;
  readonly protocolType: number | undefined;
  readonly payload: string;
}

export interface HepCollector {
  readonly port: number;
  readonly datagrams: readonly HepDatagram[];
  /** Datagrams that were not HEPv3 with well-formed chunks. */
  readonly malformed: () => number;
  readonly close: () => void;
}

/** A collector that keeps what it gets, for tests of the lab itself. */
export async function openHepCollector(host = '127.0.0.1'): Promise<HepCollector> {
  const socket = createSocket('udp4');
  const datagrams: HepDatagram[] = [];
  let malformed = 0;
  socket.on('message', (data) => {
    const decoded = decode(data);
    if (decoded === undefined) malformed++;
    else datagrams.push(decoded);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: host, port: 0 }, resolve);
  });
  return { port: socket.address().port, datagrams, malformed: () => malformed, close: () => socket.close() };
}

function decode(data: Buffer): HepDatagram | undefined {
  if (data.length < 6 || data.toString('latin1', 0, 4) !== 'HEP3' || data.readUInt16BE(4) !== data.length)
    return undefined;
  const chunks = new Map<number, Buffer>();
  for (let offset = 6; offset < data.length;) {
    if (offset + 6 > data.length) return undefined;
    const length = data.readUInt16BE(offset + 4);
    if (length < 6 || offset + length > data.length) return undefined;
    if (data.readUInt16BE(offset) === 0)
      chunks.set(data.readUInt16BE(offset + 2), data.subarray(offset + 6, offset + length));
    offset += length;
  }
  const address = (ip: number, port: number): string =>
    `${[...(chunks.get(ip) ?? [])].join('.')}:${chunks.get(port)?.readUInt16BE() ?? 0}`;
  return {
    at: Date.now(),
    password: chunks.get(0x0e)?.toString('latin1'),
    captureId: chunks.get(0x0c)?.readUInt32BE(),
    source: address(3, 7),
    destination: address(4, 8),
    protocolType: chunks.get(0x0b)?.readUInt8(),
    payload: chunks.get(0x0f)?.toString('utf8') ?? '',
  };
}

/** In a `describe`: a collector for its tests. Returns how to get at it. */
export function useHepCollector(): () => HepCollector {
  let collector: HepCollector | undefined;
  before(async () => {
    collector = await openHepCollector();
  });
  after(() => collector?.close());
  return () => {
    if (collector === undefined) throw new Error('the collector is not open');
    return collector;
  };
}
