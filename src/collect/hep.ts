import { isIP } from 'node:net';
import type { Counters } from '../counters.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { ConfigProblem } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { HepConnections, STREAM_LIMITS } from './hep-connections.ts';
import type { StreamLimits } from './hep-connections.ts';
import { HepGate } from './hep-gate.ts';
import type { HepHandlers, HepTransport } from './hep-gate.ts';
import type { HepListener, HepListenerHealth } from './hep-listener.ts';
import { listenTcp } from './hep-tcp.ts';
import { listenTls } from './hep-tls.ts';
import type { HepTlsOptions } from './hep-tls.ts';
import { listenUdp } from './hep-udp.ts';

export type { HepListenerHealth } from './hep-listener.ts';
export type { HepTlsOptions } from './hep-tls.ts';
export type { FeedLoss, HepHandlers, HepRefusal, HepTransport } from './hep-gate.ts';
export { STREAM_LIMITS } from './hep-connections.ts';
export type { StreamLimits } from './hep-connections.ts';

export interface HepOptions {
  /** `udp:127.0.0.1:9060`, `tcp:[::1]:9060`, `tls:192.0.2.1:9061`; port 0 takes a free one */
  readonly listen: readonly string[];
  /** addresses and CIDR blocks of capture agents */
  readonly allow: readonly string[];
  /** what packets must carry as auth key (chunk 0x0e), UTF-8; null: any */
  readonly password: string | null;
  /** needed for `tls:` */
  readonly tls?: HepTlsOptions;
  readonly limits?: Partial<StreamLimits>;
}

export interface HepCollector {
  addresses(): { readonly transport: HepTransport; readonly address: string; readonly port: number }[];
  health(): { readonly listeners: readonly HepListenerHealth[]; readonly lastPacketAt: Millis | null };
  /** Stops listening and closes every connection; losses up to now are told before it resolves. */
  close(): Promise<void>;
}

/** One entry of `hep.listen`, or null when it is not of that form. */
export function parseListen(text: string): { transport: HepTransport; address: string; port: number } | null {
  const found = /^(udp|tcp|tls):(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  if (found === null) return null;
  const [, transport, v6, v4, digits] = found;
  const address = v6 ?? v4 ?? '';
  const port = Number(digits);
  if (isIP(address) !== (v6 === undefined ? 4 : 6) || port > 65535) return null;
  return { transport: transport as HepTransport, address, port };
}

/**
 * Receives HEP. Every packet of an allowed agent with the right key goes to `handlers.packet` synchronously, in the
 * socket's callback; what is refused or lost is counted (`hep.*`) and told.
 * @throws ConfigError naming every address that cannot be listened on and what to do; nothing stays open then
 */
export async function listenHep(
  options: HepOptions,
  handlers: HepHandlers,
  counters: Counters,
  log: Log,
): Promise<HepCollector> {
  const gate = new HepGate(options.allow, options.password, handlers, counters, log);
  const limits = { ...STREAM_LIMITS, ...options.limits };
  const listeners: HepListener[] = [];
  const problems: ConfigProblem[] = [];
  for (const [index, text] of options.listen.entries()) {
    const path = `hep.listen[${index}]`;
    const target = parseListen(text);
    if (target === null) {
      problems.push({
        path,
        message: `"${text}" is no address to listen on`,
        help: 'for example "udp:127.0.0.1:9060" or "tcp:[::1]:9060"',
      });
      continue;
    }
    const { transport, address, port } = target;
    if (transport === 'tls' && options.tls === undefined) {
      problems.push({
        path,
        message: `${text} needs a certificate and a key`,
        help: 'set hep.cert_file and hep.key_file',
      });
      continue;
    }
    try {
      if (transport === 'udp') listeners.push(await listenUdp(address, port, gate, log));
      else {
        const connections = new HepConnections(transport, gate, limits, counters, log);
        listeners.push(
          transport === 'tls' && options.tls !== undefined
            ? await listenTls(address, port, options.tls, connections, gate, counters)
            : await listenTcp(address, port, connections),
        );
      }
    } catch (error) {
      problems.push({ path, message: `cannot listen on ${text}: ${messageOf(error)}`, help: helpFor(error) });
    }
  }
  const close = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  if (problems.length > 0) {
    await close();
    throw new ConfigError('settings', problems);
  }
  return {
    addresses: () => listeners.map(({ transport, address, port }) => ({ transport, address, port })),
    health: () => ({ listeners: listeners.map((listener) => listener.health()), lastPacketAt: gate.lastPacketAt }),
    close,
  };
}

function helpFor(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EADDRINUSE')
    return 'another program has this port (a second ringfence, heplify, sngrep?): stop it or choose another port';
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address; use one of `ip addr`, or 0.0.0.0';
  if (code === 'EACCES') return 'ports below 1024 are for root: choose a higher one';
  return 'check the address, the port, and the certificate and key if it is tls:';
}
