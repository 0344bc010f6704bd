import { createSocket } from 'node:dgram';
import { createConnection, isIP } from 'node:net';
import type { Millis } from '../model.ts';
import { parseSip, type SipMessage } from '../wire/sip.ts';
import { SipFramer } from '../wire/sip-stream.ts';

/** Where PJSIP takes requests. */
export interface SipDoor {
  readonly transport: 'udp' | 'tcp';
  readonly host: string;
  readonly port: number;
}

/** Sent again over UDP after this: T1 of RFC 3261, 17.1.1.1, shortened, for it is the machine next door. */
const AGAIN: Millis = 250;

/** A socket to where PJSIP takes requests. */
export interface OpenDoor {
  /** address and port of this side, for Via */
  readonly local: string;
  /** null: no answer in time */
  ask(bytes: Buffer, isAnswer: (message: SipMessage) => boolean, end: number): Promise<SipMessage | null>;
  close(): void;
}

/** null: it cannot be reached */
export async function openDoor(door: SipDoor, within: Millis): Promise<OpenDoor | null> {
  let heard: (bytes: Buffer) => void = () => undefined;
  let failed: () => void = () => undefined;
  const open = door.transport === 'udp' ? openUdp : openTcp;
  const link = await open(door, within, { heard: (bytes) => heard(bytes), failed: () => failed() });
  if (link === null) return null;
  return {
    local: link.local,
    close: link.close,
    ask: (bytes, isAnswer, end) =>
      new Promise((answer) => {
        const finish = (message: SipMessage | null): void => {
          clearInterval(again);
          clearTimeout(late);
          heard = failed = (): void => undefined;
          answer(message);
        };
        const again = setInterval(() => door.transport === 'udp' && link.send(bytes), AGAIN);
        const late = setTimeout(() => finish(null), Math.max(0, end - performance.now()));
        failed = () => finish(null);
        heard = (received) => {
          const read = parseSip(received);
          if (read.ok && isAnswer(read.value)) finish(read.value);
        };
        link.send(bytes);
      }),
  };
}

interface Link {
  readonly local: string;
  send(bytes: Buffer): void;
  readonly close: () => void;
}

/** IPv6 in brackets. */
export const hostPort = (address: string, port: number): string =>
  isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;

interface Ears {
  readonly heard: (bytes: Buffer) => void;
  readonly failed: () => void;
}

function openUdp({ host, port }: SipDoor, _within: Millis, { heard, failed }: Ears): Promise<Link | null> {
  return new Promise((open) => {
    const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4');
    const close = (): void => void socket.close();
    socket.on('error', () => {
      failed();
      open(null);
    });
    socket.on('message', heard);
    socket.connect(port, host, () => {
      const { address, port: own } = socket.address();
      open({ local: hostPort(address, own), send: (bytes) => socket.send(bytes), close });
    });
  });
}

function openTcp({ host, port }: SipDoor, within: Millis, { heard, failed }: Ears): Promise<Link | null> {
  return new Promise((open) => {
    const socket = createConnection({ host, port, timeout: within });
    const framer = new SipFramer();
    const gone = (): void => {
      failed();
      open(null);
      socket.destroy();
    };
    for (const event of ['error', 'timeout', 'close'] as const) socket.on(event, gone);
    socket.on('data', (chunk) => {
      for (const message of framer.push(chunk)) if (message.ok) heard(message.value);
    });
    socket.on('connect', () =>
      open({
        local: hostPort(socket.localAddress ?? '', socket.localPort ?? 0),
        send: (bytes) => void socket.write(bytes),
        close: () => socket.destroy(),
      }),
    );
  });
}
