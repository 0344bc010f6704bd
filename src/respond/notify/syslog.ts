import { createSocket } from 'node:dgram';
import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf as errorText, PeerError } from '../../errors.ts';
import type { Millis } from '../../model.ts';
import { SECOND } from '../../time.ts';
import {
  messageFor,
  messageOptions,
  objectFor,
  type Channel,
  type Rendering,
  type Telling,
  type Told,
} from './channel.ts';
import { octetCounted, SYSLOG_LIMIT, syslogMessage } from './syslog-frame.ts';

export interface SyslogChannelOptions extends Rendering {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
  readonly ca: string | null;
  readonly facility: number;
  readonly format: 'text' | 'json';
  /** HOSTNAME and PROCID of the messages */
  readonly machine: string;
  readonly process: string;
}

const PATIENCE: Millis = 10 * SECOND;
/** More than the header of a message can take (RFC 5424 section 6: host 255, process 128, kind 32). */
const HEADER = 512;
/** An ICMP "port unreachable" comes at once, or never. */
const REFUSED_WITHIN: Millis = 100;

/** JSON that fits; a cut one could not be read, so what is long goes first. */
function jsonText(telling: Telling, site: string, limit: number): string {
  const whole = objectFor(telling, site);
  for (const without of [[], ['facts'], ['facts', 'calls', 'sources', 'decisions']]) {
    const left = Object.fromEntries(Object.entries(whole).filter(([name]) => !without.includes(name)));
    const text = ascii(JSON.stringify(left));
    if (text.length <= limit) return text;
  }
  const { id, at, severity, incident } = whole;
  return ascii(JSON.stringify({ id, at, severity, incident }));
}

/** JSON says the same in ASCII, which needs no BOM and is cut nowhere. */
const ascii = (json: string): string =>
  json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** What the message says: a sentence, with what a program looks for behind it. */
export function syslogText(telling: Telling, options: Rendering, format: 'text' | 'json', limit: number): string {
  if (format === 'json') return jsonText(telling, options.site, limit - HEADER);
  const message = messageFor([telling], 'syslog', options);
  const { words } = messageOptions(options);
  const named =
    'alert' in telling
      ? ` [detector=${telling.alert.detector} severity=${message.severity} incident=${telling.delivery.incident}]`
      : ` [${telling.kind}]`;
  return `${words.severity(message.severity).toUpperCase()}: ${message.headline}${named}`;
}

/** A syslog server (RFC 5424) by UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425). */
export function syslogChannel(options: SyslogChannelOptions): Channel {
  const { transport, facility, format, machine: host, process } = options;
  const limit = SYSLOG_LIMIT[transport];
  return {
    name: 'syslog',
    folds: 1,
    tell: async ([telling], signal): Promise<Told> => {
      if (telling === undefined) throw new RangeError('nothing to tell');
      const kind = 'alert' in telling ? telling.alert.detector : telling.kind;
      const { severity, at } = telling.delivery;
      const text = syslogText(telling, options, format, limit);
      const message = syslogMessage({ facility, severity, at, host, process, kind, text }, limit);
      if (transport === 'udp') await sendDatagram(message, options);
      else await sendStream(octetCounted(message), options, signal);
      return {
        detail: transport === 'udp' ? 'sent by UDP, which tells nobody whether it came' : `taken by ${transport}`,
      };
    },
    close: () => undefined,
  };
}

const unreachable = ({ transport, host, port }: SyslogChannelOptions, error: unknown): PeerError =>
  new PeerError(
    'peer-unreachable',
    `the syslog server ${transport}:${host}:${port} could not be reached: ${errorText(error)}`,
    true,
    { cause: error },
  );

async function sendDatagram(message: Buffer, options: SyslogChannelOptions): Promise<void> {
  const { host, port } = options;
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      // connected, so that the kernel tells of a port where nobody listens
      socket.connect(port, host, () => {
        socket.send(message, (error) => {
          if (error === null) void sleep(REFUSED_WITHIN).then(() => resolve());
          else reject(error);
        });
      });
    });
  } catch (error) {
    throw unreachable(options, error);
  } finally {
    socket.close();
  }
}

/**
 * One connection for one message: neither RFC 6587 nor RFC 5425 has an answer that says that a message has come, but a
 * server that has read our end of the stream closes its own, and by then it has read all before it.
 */
async function sendStream(frame: Buffer, options: SyslogChannelOptions, signal: AbortSignal): Promise<void> {
  const { transport, host, port, ca } = options;
  let socket: Socket | null = null;
  const abort = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  const stop = (): void => void socket?.destroy(new Error(`no end of the connection within ${PATIENCE} ms`));
  abort.addEventListener('abort', stop);
  try {
    await new Promise<void>((resolve, reject) => {
      const made =
        transport === 'tls'
          ? connectTls({ host, port, servername: /^[\d.]+$|:/.test(host) ? '' : host, ...(ca === null ? {} : { ca }) })
          : connectTcp({ host, port });
      socket = made;
      made.once(transport === 'tls' ? 'secureConnect' : 'connect', () => made.end(frame));
      made.on('error', reject);
      made.resume();
      made.once('end', () => resolve());
      made.once('close', () => reject(new Error('the connection was closed before the message was taken')));
      if (abort.aborted) stop();
    });
  } catch (error) {
    throw unreachable(options, error);
  } finally {
    abort.removeEventListener('abort', stop);
    (socket as Socket | null)?.destroy();
  }
}
