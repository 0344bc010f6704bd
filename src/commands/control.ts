import { chmodSync, closeSync, lstatSync, openSync, unlinkSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { messageOf, PeerError, RingfenceError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import { methods, Refusal, type Method, type MethodParams } from './control-methods.ts';

/**
 * The daemon's control socket, beside its store: a line of JSON is a request, `{"id":1,"method":"block","params":{…}}`, and
 * a line answers it, `{"id":1,"ok":true,"result":…}` or `{"id":1,"ok":false,"code":"…","message":"…"}`. Who may open the
 * socket (mode 0660) may command the daemon.
 */
export const controlPath = (store: string): string => `${store}.sock`;

export type ControlHandlers = {
  readonly [M in Method]: (params: MethodParams[M]) => unknown;
};

export interface Control {
  close(): void;
}

/** A request that is longer is no request of ours. */
const LINE_LIMIT = 64 * 1024;
/** An answer lists all that stands. */
const ANSWER_LIMIT = 64 * 1024 * 1024;
const CONNECTIONS = 16;
/** Who has neither asked a whole question nor read its answer for so long is sent away: idle peers must not keep others out. */
const IDLE: Millis = 30 * SECOND;
/** sun_path of sockaddr_un holds 108 bytes with the NUL at its end (unix(7)). */
const PATH_LIMIT = 107;

/**
 * Listens at `path`; a socket that a killed daemon left is replaced, so the caller must hold the store's lock.
 * @throws RingfenceError when it cannot
 */
export async function startControl(path: string, handlers: ControlHandlers, log: Log): Promise<Control> {
  removeStale(path);
  const peers = new Set<Socket>();
  const server = createServer((socket) => {
    if (peers.size >= CONNECTIONS) {
      socket.on('error', () => undefined);
      socket.end(answerLine(null, { ok: false, code: 'busy', message: `${CONNECTIONS} connections are open already` }));
      return;
    }
    peers.add(socket);
    socket.on('close', () => peers.delete(socket));
    new Peer(socket, handlers, log);
  });
  const short = shortPath(path);
  try {
    await listen(server, short.path);
    chmodSync(path, 0o660);
  } catch (error) {
    server.close();
    throw new RingfenceError(
      'store-unreadable',
      `the control socket ${path} cannot be made: ${messageOf(error)}; check who owns its folder`,
      { cause: error },
    );
  } finally {
    short.close();
  }
  server.on('error', (error) => log.error(`control socket: ${error.message}`));
  return {
    close: () => {
      server.close();
      for (const socket of peers) socket.destroy();
      // made by another name where that is too long: Node would look for it there
      if (short.path !== path) removeStale(path);
    },
  };
}

/** @throws RingfenceError when something else has the name */
function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new RingfenceError('store-unreadable', `${path} is in the way of the control socket: move it away`);
  unlinkSync(path);
}

/**
 * A name by which the kernel finds a socket whose own is too long: its folder by a file descriptor (proc(5)), which has to
 * stay open until the socket is bound or connected.
 */
function shortPath(path: string): { readonly path: string; close(): void } {
  if (Buffer.byteLength(path) <= PATH_LIMIT) return { path, close: () => undefined };
  const folder = openSync(dirname(path), 'r');
  return { path: `/proc/self/fd/${folder}/${basename(path)}`, close: () => closeSync(folder) };
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    // bound within listen(): nobody else can get in before the mode is what it should be
    const before = process.umask(0o117);
    try {
      server.listen(path);
    } finally {
      process.umask(before);
    }
  });
}

type Outcome =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string };

const answerLine = (id: unknown, outcome: Outcome): string => `${JSON.stringify({ id, ...outcome })}\n`;

const requestSchema = z.strictObject({
  id: z.union([z.number(), z.string().max(64), z.null()]).default(null),
  method: z.enum(Object.keys(methods) as [Method, ...Method[]]),
  params: z.unknown().optional(),
});

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** One connection: its requests are worked on one after the other, and no more is read meanwhile. */
class Peer {
  readonly #socket: Socket;
  readonly #handlers: ControlHandlers;
  readonly #log: Log;
  #held: Buffer = Buffer.alloc(0);
  readonly #timer: NodeJS.Timeout;
  #working = false;
  #ended = false;

  constructor(socket: Socket, handlers: ControlHandlers, log: Log) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#log = log;
    this.#timer = setTimeout(() => socket.destroy(), IDLE).unref();
    socket.on('close', () => clearTimeout(this.#timer));
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
      void this.#work();
    });
    socket.on('end', () => (this.#ended = true));
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    this.#socket.pause();
    for (let line = this.#next(); line !== null; line = this.#next()) {
      const answer = await this.#answer(line);
      if (this.#socket.destroyed) return;
      // a peer that does not read is waited for, and after IDLE sent away
      if (!this.#socket.write(answer)) await Promise.race([drained(this.#socket), closed(this.#socket)]);
      if (this.#isGone()) return;
      this.#timer.refresh();
    }
    this.#working = false;
    if (this.#held.length > LINE_LIMIT) {
      const message = `a request has at most ${LINE_LIMIT} bytes and ends with a line feed`;
      this.#socket.end(answerLine(null, { ok: false, code: 'too-long', message }));
      this.#socket.resume().removeAllListeners('data');
      this.#held = Buffer.alloc(0);
      this.#socket.on('data', () => this.#socket.destroy());
      return;
    }
    if (this.#ended) this.#socket.end();
    else this.#socket.resume();
  }

  #isGone(): boolean {
    return this.#socket.destroyed;
  }

  #next(): Buffer | null {
    const end = this.#held.indexOf(10);
    if (end < 0 || end > LINE_LIMIT) return null;
    const line = this.#held.subarray(0, end);
    this.#held = this.#held.subarray(end + 1);
    return line;
  }

  async #answer(line: Buffer): Promise<string> {
    let value: unknown;
    try {
      value = JSON.parse(utf8.decode(line));
    } catch {
      return answerLine(null, { ok: false, code: 'malformed', message: 'a request is one line of JSON in UTF-8' });
    }
    const request = requestSchema.safeParse(value);
    if (!request.success) return answerLine(idOf(value), malformed(request.error));
    const { id, method } = request.data;
    const params = methods[method].safeParse(request.data.params ?? {});
    if (!params.success) return answerLine(id, malformed(params.error));
    try {
      const handle = this.#handlers[method] as (given: unknown) => unknown;
      return answerLine(id, { ok: true, result: (await handle(params.data)) ?? null });
    } catch (error) {
      if (error instanceof RingfenceError)
        return answerLine(id, {
          ok: false,
          code: error instanceof Refusal ? error.said : error.code,
          message: error.message,
        });
      // a bug in a command must not take the watch away with it
      this.#log.error(
        { method, error: error instanceof Error ? error.stack : String(error) },
        'a command failed: a bug',
      );
      return answerLine(id, { ok: false, code: 'bug', message: `this is a bug: ${messageOf(error)}` });
    }
  }
}

const drained = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('drain', () => resolve()));
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

const idOf = (value: unknown): unknown => {
  const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : null;
  return typeof id === 'number' || (typeof id === 'string' && id.length <= 64) ? id : null;
};

const malformed = (error: z.ZodError): Outcome => {
  const problems = error.issues.slice(0, 5).map(({ path, message }) => `${path.join('.') || 'request'}: ${message}`);
  return { ok: false, code: 'malformed', message: problems.join('; ') };
};

/** So long a daemon that is just starting may take to make its socket. */
const STARTING: Millis = 2 * SECOND;
const AGAIN: Millis = 50;

/**
 * Asks the daemon whose socket is at `path`.
 * @param timeout for all of it, milliseconds
 * @throws Refusal when it refuses; PeerError peer-unreachable, peer-timeout, peer-closed, peer-protocol
 */
export async function callControl<M extends Method>(
  path: string,
  method: M,
  params: MethodParams[M],
  timeout: Millis,
): Promise<unknown> {
  const signal = AbortSignal.timeout(timeout);
  const began = performance.now();
  for (;;) {
    try {
      return await ask(path, `${JSON.stringify({ id: 1, method, params })}\n`, signal, timeout);
    } catch (error) {
      const away = error instanceof PeerError && error.code === 'peer-unreachable' && error.retryable;
      if (!away || performance.now() - began > Math.min(STARTING, timeout - 2 * AGAIN)) throw error;
      await sleep(AGAIN);
    }
  }
}

async function ask(path: string, line: string, signal: AbortSignal, timeout: Millis): Promise<unknown> {
  const text = await new Promise<string>((resolve, reject) => {
    let short: ReturnType<typeof shortPath>;
    try {
      short = shortPath(path);
    } catch (error) {
      reject(unreachable(path, error));
      return;
    }
    const socket = createConnection(short.path);
    const parts: Buffer[] = [];
    let size = 0;
    const fail = (error: PeerError): void => {
      socket.destroy();
      reject(error);
    };
    const late = (): void =>
      fail(new PeerError('peer-timeout', `the daemon did not answer at ${path} within ${timeout} ms`, true));
    signal.addEventListener('abort', late, { once: true });
    if (signal.aborted) late();
    socket.on('connect', () => socket.write(line));
    socket.on('data', (bytes: Buffer) => {
      parts.push(bytes);
      size += bytes.length;
      if (size > ANSWER_LIMIT) fail(new PeerError('peer-protocol', `the answer at ${path} has no end`, false));
      if (!bytes.includes(10)) return;
      socket.destroy();
      resolve(Buffer.concat(parts).toString());
    });
    socket.on('error', (error) => fail(unreachable(path, error)));
    socket.on('close', () => {
      short.close();
      signal.removeEventListener('abort', late);
      reject(new PeerError('peer-closed', `the daemon closed the connection at ${path} without an answer`, true));
    });
  });
  return resultOf(path, text);
}

function unreachable(path: string, error: unknown): PeerError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const hint =
    code === 'EACCES' ? `you may not use ${path}; run it as root or as the user of the service` : messageOf(error);
  const retryable = code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'EAGAIN';
  return new PeerError('peer-unreachable', `the daemon's control socket cannot be reached: ${hint}`, retryable, {
    cause: error,
  });
}

const answerSchema = z.union([
  z.object({ ok: z.literal(true), result: z.unknown() }),
  z.object({ ok: z.literal(false), code: z.string(), message: z.string() }),
]);

function resultOf(path: string, text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  const answer = answerSchema.safeParse(value);
  if (!answer.success) throw new PeerError('peer-protocol', `what answers at ${path} is no ringfence`, false);
  if (!answer.data.ok) throw new Refusal(answer.data.code, answer.data.message);
  return answer.data.result;
}
