import type { ServerResponse } from 'node:http';
import type { Log } from '../log.ts';
import { messageOf } from '../errors.ts';
import { SECOND } from '../time.ts';
import type { Fragments } from './context.ts';
import { headersOf } from './reply.ts';

/** Pages that are looked at together, and by one person. */
const WATCHERS = 64;
const OF_ONE = 12;
const EVERY = SECOND;
/** A word now and then, so that neither side takes the other for gone. */
const BEAT_EVERY = 10 * SECOND;
/** Whoever reads slower than this gets the next state instead of every one. */
const UNREAD = 256 * 1024;

interface Watcher {
  readonly name: string;
  readonly response: ServerResponse;
  /** null: he may look no more */
  readonly render: () => Fragments | null;
  readonly sent: Map<string, string>;
  beatAt: number;
}

/**
 * Live parts of pages as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): a fragment is sent
 * when it is another than the one before.
 */
export class Live {
  readonly #watchers = new Set<Watcher>();
  readonly #log: Log;
  #timer: NodeJS.Timeout | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  get size(): number {
    return this.#watchers.size;
  }

  /** @returns false: too many look already */
  add(name: string, response: ServerResponse, secure: boolean, render: () => Fragments | null): boolean {
    const own = [...this.#watchers].filter((watcher) => watcher.name === name).length;
    if (this.#watchers.size >= WATCHERS || own >= OF_ONE) return false;
    response.writeHead(200, { ...headersOf(secure), 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    const watcher: Watcher = { name, response, render, sent: new Map(), beatAt: 0 };
    this.#watchers.add(watcher);
    response.on('close', () => this.#remove(watcher));
    response.write('retry: 3000\n\n');
    this.#look(watcher);
    this.#timer ??= setInterval(() => {
      for (const each of this.#watchers) this.#look(each);
    }, EVERY);
    return true;
  }

  #look(watcher: Watcher): void {
    const { response, sent, render } = watcher;
    if (response.writableLength > UNREAD) return;
    try {
      const fragments = render();
      if (fragments === null) {
        response.end('event: over\ndata: \n\n');
        return;
      }
      for (const [id, { text }] of fragments) {
        if (sent.get(id) === text) continue;
        sent.set(id, text);
        watcher.beatAt = performance.now();
        response.write(`event: part\ndata: ${JSON.stringify({ id, html: text })}\n\n`);
      }
    } catch (error) {
      this.#log.error(`a live page of the console failed: ${messageOf(error)}`);
      response.end();
      return;
    }
    if (performance.now() - watcher.beatAt < BEAT_EVERY) return;
    watcher.beatAt = performance.now();
    response.write(':\n\n');
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  close(): void {
    for (const { response } of this.#watchers) response.end();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
