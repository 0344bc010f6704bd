import type { Socket } from 'node:net';
import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { HepFramer } from '../wire/hep-stream.ts';
import type { HepGate } from './hep-gate.ts';

/** Bounds on what connected capture agents may cost. */
export interface StreamLimits {
  /** connections at a time, over one listener */
  readonly connections: number;
  /** a packet that has begun must be whole after this */
  readonly packetMs: Millis;
  /** a connection may be silent this long: an office at night sends nothing */
  readonly idleMs: Millis;
  /** packets in a row that may be refused (well framed, but broken or with a wrong key) */
  readonly refusedInARow: number;
}

export const STREAM_LIMITS: StreamLimits = {
  connections: 64,
  packetMs: 10_000,
  idleMs: 3_600_000,
  refusedInARow: 100,
};

const SWEEP_EVERY: Millis = 1000;
/** TCP's own probes find an agent that is gone without a word. */
const PROBE_AFTER: Millis = 60_000;

interface Connection {
  readonly socket: Socket;
  readonly source: string;
  readonly framer: HepFramer;
  lastAt: Millis;
  /** when the packet began that is not whole yet; null: none */
  packetSince: Millis | null;
  refused: number;
}

/**
 * HEP over a byte stream. Packets are handled in the socket's callback, so that an agent which is faster than we are is
 * slowed down by TCP itself and nothing is queued here. A sender of garbage and one that never ends its packet are
 * closed; both are told to `refused`.
 */
export class HepConnections {
  readonly #transport: 'tcp' | 'tls';
  readonly #gate: HepGate;
  readonly #limits: StreamLimits;
  readonly #counters: Counters;
  readonly #log: Log;
  readonly #open = new Set<Connection>();
  /** runs while a connection is open */
  #timer: NodeJS.Timeout | null = null;

  constructor(transport: 'tcp' | 'tls', gate: HepGate, limits: StreamLimits, counters: Counters, log: Log) {
    this.#transport = transport;
    this.#gate = gate;
    this.#limits = limits;
    this.#counters = counters;
    this.#log = log;
  }

  get size(): number {
    return this.#open.size;
  }

  accept(socket: Socket): void {
    const source = socket.remoteAddress ?? '';
    socket.on('error', () => undefined); // a reset is told by 'close'
    if (!this.#gate.admits(source, this.#transport)) {
      socket.destroy();
      return;
    }
    if (this.#open.size >= this.#limits.connections) {
      this.#counters.add('hep.refused.connection');
      this.#gate.refuse(source, this.#transport, `more than ${this.#limits.connections} connections`, Date.now());
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PROBE_AFTER);
    const connection: Connection = {
      socket,
      source,
      framer: new HepFramer(),
      lastAt: Date.now(),
      packetSince: null,
      refused: 0,
    };
    this.#open.add(connection);
    this.#timer ??= setInterval(() => this.#sweep(Date.now()), Math.min(SWEEP_EVERY, this.#limits.packetMs)).unref();
    this.#counters.add('hep.connections');
    socket.on('data', (chunk: Buffer) => this.#data(connection, chunk));
    socket.on('end', () => this.#end(connection));
    socket.on('close', () => this.#open.delete(connection));
  }

  #data(connection: Connection, chunk: Buffer): void {
    const now = Date.now();
    connection.lastAt = now;
    let whole = false;
    for (const decoded of connection.framer.push(chunk)) {
      if (connection.framer.broken === decoded) break; // told as the reason of closing
      whole = true;
      connection.refused = this.#gate.take(decoded, connection.source, this.#transport, now)
        ? 0
        : connection.refused + 1;
      if (connection.refused > this.#limits.refusedInARow) {
        this.#close(connection, `${connection.refused} packets in a row were refused`, now);
        return;
      }
    }
    if (connection.framer.broken !== null) {
      this.#close(connection, connection.framer.broken.reason, now);
      return;
    }
    if (connection.framer.pendingBytes === 0) connection.packetSince = null;
    else if (whole || connection.packetSince === null) connection.packetSince = now;
  }

  #end(connection: Connection): void {
    for (const decoded of connection.framer.end()) {
      this.#gate.take(decoded, connection.source, this.#transport, Date.now());
    }
    connection.socket.end();
  }

  #sweep(now: Millis): void {
    if (this.#open.size === 0) this.#stop();
    for (const connection of this.#open) {
      const { packetSince, lastAt } = connection;
      if (packetSince !== null && now - packetSince >= this.#limits.packetMs) {
        this.#close(connection, `a packet was not whole after ${this.#limits.packetMs} ms`, now);
      } else if (now - lastAt >= this.#limits.idleMs) {
        this.#close(connection, `silent for ${this.#limits.idleMs} ms`, now);
      }
    }
  }

  #close(connection: Connection, reason: string, at: Millis): void {
    this.#counters.add('hep.closed');
    this.#log.warn(`HEP over ${this.#transport} from ${connection.source} closed: ${reason}`);
    this.#gate.refuse(connection.source, this.#transport, reason, at);
    this.#open.delete(connection);
    connection.socket.destroy();
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  close(): void {
    this.#stop();
    for (const { socket } of this.#open) socket.destroy();
    this.#open.clear();
  }
}
