import { setTimeout as sleep } from 'node:timers/promises';
import { PeerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { retry } from '../retry.ts';
import type { AmiMessage } from '../wire/ami.ts';
import { connectAmi } from './ami.ts';
import type { AmiSession } from './ami.ts';
import { readPbxState } from './ami-state.ts';
import type { PbxState } from './ami-state.ts';
import type { AmiOptions } from './ami-transport.ts';

/** `restarted`: up again, and Asterisk was started in between, so that what lives in its memory is gone. */
export type AmiChange =
  | { readonly kind: 'up' | 'restarted'; readonly at: Millis; readonly session: AmiSession; readonly state: PbxState }
  | { readonly kind: 'down'; readonly at: Millis; readonly error: PeerError };

export interface AmiKeeperHandlers {
  /** Events come as soon as the login stands, also while the state is being read. */
  event(event: AmiMessage, arrival: Millis): void;
  changed(change: AmiChange): void;
  refused?(reason: string, arrival: Millis): void;
}

export interface AmiHealth {
  readonly state: 'up' | 'connecting' | 'refused' | 'closed';
  readonly since: Millis;
  /** protocol version by the banner; null before the first login */
  readonly version: string | null;
  readonly lastError: PeerError | null;
  /** what Asterisk's last answer to an action took, milliseconds; null: none yet */
  readonly roundTrip: Millis | null;
}

export interface AmiKeeper {
  /** the session that is up; null: none is */
  readonly session: AmiSession | null;
  health(): AmiHealth;
  /** Ends the session and stays away. */
  close(): Promise<void>;
}

export interface KeepOptions extends AmiOptions {
  /** wait after a failure; doubles up to `ceilingMs`; default 250 */
  readonly firstMs?: Millis;
  /** default 5,000 */
  readonly ceilingMs?: Millis;
  /** wait after the account or the certificate was refused: trying on would lock us out; default 60,000 */
  readonly refusedMs?: Millis;
  /** how long FullyBooted is waited for; default 10,000. Without it restarts go unseen */
  readonly bootMs?: Millis;
}

const LOG_EVERY: Millis = 60_000;
/** Uptime comes in whole seconds: two readings of one start differ by less than this. */
const SAME_START: Millis = 1_500;
/** A session that ends before is a failure: who lets us in and throws us out is not to be hammered. */
const SHORT_SESSION: Millis = 5_000;

/** Keeps a session to Asterisk up: connects again within seconds, whenever and as often as it is lost. */
export function keepAmi(options: KeepOptions, handlers: AmiKeeperHandlers, log: Log): AmiKeeper {
  return new Keeper(options, handlers, log);
}

class Keeper implements AmiKeeper {
  session: AmiSession | null = null;
  readonly #options: KeepOptions;
  readonly #handlers: AmiKeeperHandlers;
  readonly #log: Log;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #health: AmiHealth = { state: 'connecting', since: Date.now(), version: null, lastError: null, roundTrip: null };
  /** when Asterisk was started, on our own clock that never jumps; null: not known yet */
  #startedAt: number | null = null;
  #loggedAt = -LOG_EVERY;
  #logged = '';

  constructor(options: KeepOptions, handlers: AmiKeeperHandlers, log: Log) {
    this.#options = { ...options, signal: this.#stop.signal };
    this.#handlers = handlers;
    this.#log = log;
    this.#ended = this.#run();
  }

  health(): AmiHealth {
    return this.#health;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    this.#become('closed', null);
  }

  get #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const first = this.#options.firstMs ?? 250;
    const ceiling = this.#options.ceilingMs ?? 5_000;
    let pause = first;
    for (;;) {
      const began = performance.now();
      let error: PeerError;
      try {
        const failed = (failure: PeerError, wait: Millis): void => this.#failed(failure, wait, 'connecting');
        error = await retry(() => this.#live(), { first, ceiling, signal, failed });
      } catch (thrown) {
        if (this.#isStopped) return;
        if (!(thrown instanceof PeerError)) throw thrown;
        const wait = this.#options.refusedMs ?? 60_000;
        this.#failed(thrown, wait, 'refused');
        await sleep(wait, undefined, { signal }).catch(() => undefined);
        continue;
      }
      if (this.#isStopped) return;
      pause = performance.now() - began < SHORT_SESSION ? Math.min(ceiling, pause * 2) : first;
      this.#failed(error, pause, 'connecting');
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One session from connecting to its end, whose reason it returns. @throws PeerError when it did not come up */
  async #live(): Promise<PeerError> {
    const life = new Life();
    const session = await connectAmi(this.#options, {
      event: (event, arrival) => {
        if (event.name === 'FullyBooted') life.booted(Number(event.get('Uptime') ?? Number.NaN));
        this.#handlers.event(event, arrival);
      },
      closed: (error) => life.end(error),
      refused: (reason, arrival) => this.#handlers.refused?.(reason, arrival),
      answered: (took) => (this.#health = { ...this.#health, roundTrip: took }),
    });
    try {
      const uptime = await life.boot(this.#options.bootMs ?? 10_000);
      const state = await readPbxState(session, Date.now());
      if (life.over !== null) throw life.over;
      this.#up(session, state, uptime);
    } catch (error) {
      session.close();
      throw error;
    }
    const error = await life.ended;
    this.session = null;
    if (!this.#isStopped) this.#handlers.changed({ kind: 'down', at: Date.now(), error });
    return error;
  }

  #up(session: AmiSession, state: PbxState, uptime: number | null): void {
    const startedAt = uptime === null ? null : performance.now() - uptime * 1000;
    const known = this.#startedAt;
    const restarted = known !== null && startedAt !== null && startedAt - known > SAME_START;
    this.#startedAt = startedAt ?? known;
    this.session = session;
    this.#become('up', session.version);
    this.#logged = '';
    this.#log.info(
      `AMI ${this.#options.host}:${this.#options.port} is up${restarted ? ', Asterisk was restarted' : ''}: ` +
        `${state.endpoints.length} endpoints, ${state.contacts.length} contacts, ${state.channels.length} channels`,
    );
    if (uptime === null)
      this.#log.warn('AMI tells no FullyBooted event, so restarts go unseen: add "system" to read in manager.conf');
    this.#handlers.changed({ kind: restarted ? 'restarted' : 'up', at: Date.now(), session, state });
  }

  #failed(error: PeerError, wait: Millis, state: 'connecting' | 'refused'): void {
    if (this.#isStopped) return;
    this.#become(state, this.#health.version, error);
    const now = performance.now();
    if (error.message === this.#logged && now - this.#loggedAt < LOG_EVERY) return;
    this.#logged = error.message;
    this.#loggedAt = now;
    this.#log[state === 'refused' ? 'error' : 'warn'](
      `${error.message}; trying again in ${(wait / 1000).toFixed(1)} s`,
    );
  }

  #become(state: AmiHealth['state'], version: string | null, lastError: PeerError | null = null): void {
    const since = this.#health.state === state ? this.#health.since : Date.now();
    const { roundTrip } = this.#health;
    this.#health = { state, since, version: version ?? this.#health.version, lastError, roundTrip };
  }
}

/** What is heard of one session: that Asterisk has booted, and that the session is over. */
class Life {
  over: PeerError | null = null;
  readonly ended: Promise<PeerError>;
  readonly #booted: Promise<number | null>;
  #tellEnd: (error: PeerError) => void = () => undefined;
  #tellBoot: (uptime: number | null) => void = () => undefined;

  constructor() {
    this.ended = new Promise((resolve) => (this.#tellEnd = resolve));
    this.#booted = new Promise((resolve) => (this.#tellBoot = resolve));
  }

  booted(uptime: number): void {
    this.#tellBoot(Number.isFinite(uptime) ? uptime : null);
  }

  end(error: PeerError): void {
    this.over = error;
    this.#tellEnd(error);
    this.#tellBoot(null);
  }

  /** Uptime in seconds once Asterisk has booted; null when it does not say so in time. @throws PeerError when the session ends first */
  async boot(limit: Millis): Promise<number | null> {
    const timer = setTimeout(() => this.#tellBoot(null), limit);
    const uptime = await this.#booted;
    clearTimeout(timer);
    if (this.over !== null) throw this.over;
    return uptime;
  }
}
