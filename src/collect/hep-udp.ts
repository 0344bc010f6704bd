import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { decodeHep } from '../wire/hep.ts';
import type { HepGate } from './hep-gate.ts';
import type { HepListener } from './hep-listener.ts';
import { kernelDrops } from './kernel-drops.ts';

/** What we ask the kernel for; it gives silently no more than net.core.rmem_max. */
const ASKED_BYTES = 16 * 1024 * 1024;
/** Below this a burst of 100,000 packets/s that meets a pause of 30 ms loses packets. */
const ENOUGH_BYTES = 4 * 1024 * 1024;
/** A 212,992 byte buffer was measured to hold 92 datagrams of 883 bytes: the kernel charges its own overhead. */
const BYTES_PER_DATAGRAM = 212_992 / 92;
const WATCH_EVERY: Millis = 1000;

/** HEP over UDP: one datagram is one packet, decoded and handed on in the socket's callback. */
export async function listenUdp(address: string, port: number, gate: HepGate, log: Log): Promise<HepListener> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4' });
  socket.on('message', (datagram, from) => {
    if (!gate.admits(from.address, 'udp')) return;
    gate.take(decodeHep(datagram), from.address, 'udp', Date.now());
  });
  await bound(socket, address, port);
  socket.on('error', (error) => log.error({ error: error.message }, 'HEP over UDP: the socket failed'));
  const given = askForBuffer(socket);
  const bind = socket.address();
  const name = `udp:${bind.address.includes(':') ? `[${bind.address}]` : bind.address}:${bind.port}`;
  reportBuffer(name, given, log);

  let drops = await kernelDrops(bind.address, bind.port);
  if (drops === null)
    log.warn(`${name}: the kernel does not tell how many datagrams it drops here, so losses stay unseen`);
  const watch = async (): Promise<void> => {
    const now = await kernelDrops(bind.address, bind.port);
    if (now === null) return;
    const lost = now - (drops ?? 0);
    drops = now;
    if (lost > 0) gate.lost({ at: Date.now(), listener: name, lost });
  };
  const timer = setInterval(() => void watch(), WATCH_EVERY).unref();

  return {
    transport: 'udp',
    address: bind.address,
    port: bind.port,
    health: () => ({
      listener: name,
      receiveBuffer: { asked: ASKED_BYTES, given },
      kernelDrops: drops,
      connections: null,
    }),
    close: async () => {
      clearInterval(timer);
      await watch();
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

const bound = (socket: Socket, address: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });

/** Bytes that the kernel gave. Linux reports twice what it gives: half is for its own book-keeping (socket(7)). */
function askForBuffer(socket: Socket): number {
  try {
    socket.setRecvBufferSize(ASKED_BYTES);
  } catch {
    // some kernels refuse where Linux gives less: what stands is read below
  }
  const size = socket.getRecvBufferSize();
  return process.platform === 'linux' ? size / 2 : size;
}

function reportBuffer(name: string, given: number, log: Log): void {
  const holds = Math.floor(given / BYTES_PER_DATAGRAM);
  const fact = `${name}: receive buffer ${Math.floor(given / 1024)} KiB, about ${holds} packets`;
  if (given >= ENOUGH_BYTES) log.info(fact);
  else
    log.warn(
      `${fact}; bursts will be lost. As root: sysctl -w net.core.rmem_max=${ASKED_BYTES}, then restart ringfence`,
    );
}
