import { createSocket, type Socket } from 'node:dgram';
import { Agent, request } from 'node:http';
import { isIP } from 'node:net';
import { CidrSet } from '../address.ts';
import { messageOf, PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';

/** Kamailio's JSON-RPC (module jsonrpcs), over UDP on loopback or HTTP (module xhttp). */
export interface KamailioRpc {
  /**
   * Calls a method with positional parameters and resolves with its result.
   * @throws PeerError: peer-unreachable, peer-timeout (both retryable; Kamailio does not answer what it cannot read),
   *   RpcError (peer-refused) with Kamailio's code and words, peer-protocol
   */
  call(method: string, params?: readonly (string | number)[]): Promise<unknown>;
  close(): void;
}

/** Kamailio answered with an error. */
export class RpcError extends PeerError {
  readonly rpcCode: number;
  constructor(method: string, code: number, message: string) {
    super('peer-refused', `Kamailio refuses ${method}: ${message} (${code})`, false);
    this.rpcCode = code;
  }
}

export interface KamailioOptions {
  /** `udp:127.0.0.1:8091`, `udp:[::1]:8091` or `http://127.0.0.1:8090/RPC` */
  readonly rpc: string;
  /** for one call; default 2,000 */
  readonly timeout?: Millis;
}

const TIMEOUT: Millis = 2_000;
/** One answer; a dump of a large table is refused rather than held. */
const ANSWER_LIMIT = 16 * 1024 * 1024;
/** Calls that may wait at a time. */
const WAITING_LIMIT = 10_000;
const LOOPBACK = new CidrSet(['127.0.0.0/8', '::1']);

/** Opens a client; it connects when it is used. @throws PeerError when `rpc` is not understood or not safe */
export function kamailioRpc(options: KamailioOptions): KamailioRpc {
  const udp = /^udp:(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(options.rpc);
  const timeout = options.timeout ?? TIMEOUT;
  if (udp !== null) {
    const host = udp[1] ?? udp[2] ?? '';
    // JSON-RPC over UDP has no authentication: whoever reaches it commands the proxy
    if (!LOOPBACK.has(host))
      throw new PeerError('peer-protocol', `kamailio.rpc ${options.rpc}: UDP is for loopback addresses only`, false);
    return new UdpRpc(host, Number(udp[3]), timeout);
  }
  if (options.rpc.startsWith('http://') && URL.canParse(options.rpc)) return new HttpRpc(new URL(options.rpc), timeout);
  throw new PeerError(
    'peer-protocol',
    `kamailio.rpc "${options.rpc}" is not udp:address:port or http://address:port/path`,
    false,
  );
}

interface Answer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
}

function parseAnswer(text: string): Answer | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}

const resultOf = (method: string, { result, error }: Answer): unknown => {
  if (error === undefined) return result;
  throw new RpcError(method, Number(error.code ?? 0), text(error.message).slice(0, 200));
};

/** `1044` must reach Kamailio as text: a key that is a JSON number is an error there. */
const encode = (method: string, params: readonly (string | number)[], id: number): string =>
  JSON.stringify({ jsonrpc: '2.0', method, params, id });

interface Waiting {
  readonly method: string;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: PeerError) => void;
}

class UdpRpc implements KamailioRpc {
  readonly #host: string;
  readonly #port: number;
  readonly #timeout: Millis;
  readonly #waiting = new Map<number, Waiting>();
  #socket: Promise<Socket> | null = null;
  #id = 0;

  constructor(host: string, port: number, timeout: Millis) {
    this.#host = host;
    this.#port = port;
    this.#timeout = timeout;
  }

  async call(method: string, params: readonly (string | number)[] = []): Promise<unknown> {
    if (this.#waiting.size >= WAITING_LIMIT)
      throw new PeerError('peer-timeout', `${WAITING_LIMIT} calls wait for Kamailio already`, true);
    const socket = await (this.#socket ??= this.#open());
    const id = (this.#id = (this.#id % 1_000_000_000) + 1);
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#settle(id)?.reject(
          new PeerError('peer-timeout', `Kamailio did not answer ${method} within ${this.#timeout} ms`, true),
        );
      }, this.#timeout);
      this.#waiting.set(id, { method, timer, resolve, reject });
      socket.send(encode(method, params, id), (error) => {
        if (error !== null) this.#settle(id)?.reject(this.#unreachable(error));
      });
    });
  }

  /** Connected, so that only Kamailio is heard and nobody listening there is told at once. */
  #open(): Promise<Socket> {
    const socket = createSocket({ type: isIP(this.#host) === 6 ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
    socket.unref();
    socket.on('message', (bytes) => this.#answer(bytes.toString()));
    socket.on('error', (error) => {
      for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(this.#unreachable(error));
    });
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        this.#socket = null;
        reject(this.#unreachable(error));
      };
      socket.once('error', failed);
      socket.connect(this.#port, this.#host, () => {
        socket.off('error', failed);
        resolve(socket);
      });
    });
  }

  #answer(text: string): void {
    const answer = parseAnswer(text);
    // an answer that comes after its time, or is for nobody, is dropped
    const waiting = typeof answer?.id === 'number' ? this.#settle(answer.id) : undefined;
    if (answer === null || waiting === undefined) return;
    try {
      waiting.resolve(resultOf(waiting.method, answer));
    } catch (error) {
      waiting.reject(error as PeerError);
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #unreachable(error: Error): PeerError {
    const hint = error.message.includes('ECONNREFUSED') ? ': is Kamailio running, with jsonrpcs dgram_socket?' : '';
    return new PeerError(
      'peer-unreachable',
      `Kamailio at udp:${this.#host}:${this.#port}: ${messageOf(error)}${hint}`,
      true,
      { cause: error },
    );
  }

  close(): void {
    const ended = new PeerError('peer-closed', 'the connection to Kamailio was closed by us', true);
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(ended);
    this.#socket?.then(
      (socket) => socket.close(),
      () => undefined,
    );
    this.#socket = null;
  }
}

class HttpRpc implements KamailioRpc {
  readonly #url: URL;
  readonly #timeout: Millis;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  #id = 0;

  constructor(url: URL, timeout: Millis) {
    this.#url = url;
    this.#timeout = timeout;
  }

  async call(method: string, params: readonly (string | number)[] = []): Promise<unknown> {
    const id = (this.#id = (this.#id % 1_000_000_000) + 1);
    const answer = parseAnswer(await this.#post(method, encode(method, params, id)));
    if (answer?.id !== id)
      throw new PeerError('peer-protocol', `what answers at ${this.#url.href} is no JSON-RPC of Kamailio's`, true);
    return resultOf(method, answer);
  }

  /** The body, whatever the status: an error of JSON-RPC comes with 500. */
  #post(method: string, body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        const text = `Kamailio at ${this.#url.href}: ${messageOf(error)}`;
        reject(error instanceof PeerError ? error : new PeerError('peer-unreachable', text, true, { cause: error }));
      };
      const signal = AbortSignal.timeout(this.#timeout);
      const late = new PeerError('peer-timeout', `Kamailio did not answer ${method} within ${this.#timeout} ms`, true);
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const sent = request(this.#url, { method: 'POST', agent: this.#agent, headers, signal }, (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on('data', (part: Buffer) => {
          size += part.length;
          if (size <= ANSWER_LIMIT) parts.push(part);
          else response.destroy(new PeerError('peer-protocol', `Kamailio's answer to ${method} has no end`, false));
        });
        response.on('error', (error) => failed(signal.aborted ? late : error));
        response.on('end', () => resolve(Buffer.concat(parts).toString()));
      });
      sent.on('error', (error) => failed(signal.aborted ? late : error));
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');

/** When Kamailio was started, in its own words, whole seconds: another text is another start. @throws PeerError */
export async function startedAt(rpc: KamailioRpc): Promise<string> {
  const result = (await rpc.call('core.uptime')) as { up_since?: unknown } | null;
  const since = text(result?.up_since);
  if (since === '') throw new PeerError('peer-protocol', 'Kamailio does not tell since when it is up', false);
  return since;
}

/**
 * Puts a row into a hash table for `ttl` seconds (at least 1: 0 would be the table's own default). The table must have been
 * declared with autoexpire, or the row never ends; null: it is to stand. @throws PeerError
 */
export async function tablePut(
  rpc: KamailioRpc,
  table: string,
  key: string,
  value: string,
  ttl: number | null,
): Promise<void> {
  if (ttl === null) await rpc.call('htable.sets', [table, key, value]);
  else await rpc.call('htable.setxs', [table, key, value, Math.max(1, Math.ceil(ttl))]);
}

const isAbsent = (error: unknown): boolean =>
  error instanceof RpcError && /key name doesn't exist|key not found/i.test(error.message);

/** The value of a row; null: there is none. @throws PeerError */
export async function tableGet(rpc: KamailioRpc, table: string, key: string): Promise<string | null> {
  try {
    const result = (await rpc.call('htable.get', [table, key])) as { item?: { value?: unknown } } | null;
    return text(result?.item?.value ?? null) || null;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

/** Deletes a row; one that is not there is as good as deleted. @throws PeerError */
export async function tableDelete(rpc: KamailioRpc, table: string, key: string): Promise<void> {
  try {
    await rpc.call('htable.delete', [table, key]);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** All rows of a table. Over UDP an answer of more than 64 KB does not come: a time-out. @throws PeerError */
export async function tableDump(rpc: KamailioRpc, table: string): Promise<Map<string, string>> {
  const buckets = await rpc.call('htable.dump', [table]);
  const rows = new Map<string, string>();
  for (const bucket of Array.isArray(buckets) ? (buckets as { slot?: unknown }[]) : [])
    for (const row of Array.isArray(bucket.slot) ? (bucket.slot as { name?: unknown; value?: unknown }[]) : [])
      rows.set(text(row.name), text(row.value));
  return rows;
}

/** Evicts all contacts of an address-of-record from Kamailio's own registrar. @returns false: it has none @throws PeerError */
export async function evict(rpc: KamailioRpc, aor: string, table = 'location'): Promise<boolean> {
  try {
    await rpc.call('ul.rm', [table, aor]);
    return true;
  } catch (error) {
    if (error instanceof RpcError && /not found/i.test(error.message)) return false;
    throw error;
  }
}
