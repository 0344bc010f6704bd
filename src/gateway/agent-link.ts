import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayKey } from '../crypto/csc/channel.ts';
import type { PrivateKeyHandle } from '../crypto/private-key.ts';
import type { PublicKey } from '../crypto/public-key.ts';
import { messageOf, PeerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { MINUTE, SECOND } from '../time.ts';
import { placesOf, systemDns, type Dns, type Place } from './agent-resolve.ts';
import { connectCsc, type CscConnection } from './csc-client.ts';
import type { CloseReason, Session, SessionHandler } from './session.ts';

/** Who we are and whom we trust: asked before each connection, for keys are renewed while the agent runs. */
export interface Identity {
  readonly account: string;
  readonly key: PrivateKeyHandle;
  readonly inst: Uint8Array;
  /** the gateway's keys that are pinned, the one to try first at the front */
  readonly pinned: readonly PublicKey[];
  /** PEM of the CAs that may have issued the gateway's TLS certificate; undefined: the system's */
  readonly ca: readonly string[] | undefined;
}

export interface LinkSettings {
  /** host:port, addresses or domains, in order of preference */
  readonly gateways: readonly string[];
  readonly identity: () => Identity;
  readonly handler: SessionHandler;
  readonly log: Log;
  /** the gateway has told its youngest key, over a session that one of the pinned keys has proven */
  readonly keyTold: (key: GatewayKey) => void;
  readonly connected?: (connection: CscConnection) => void;
  readonly dns?: Dns;
  readonly pauses?: { readonly first: Millis; readonly ceiling: Millis };
}

/** After a connect that failed: 0.05 s, then twice as long each time, with up to half of it more at random. */
const PAUSES = { first: 50, ceiling: 20 * SECOND } as const;
/** What waits for a connection is given up after 30 s: within the first minute there are several tries before that. */
const CEILING_AT_FIRST: Millis = 3 * SECOND;
/** Cuts within a minute from which on somebody is told (crypto.md). */
const ALARM_FROM = 3;
/** A session that the gateway closed in order so soon: it does not want us, or another with our key and state takes turns with us. */
const SHORT: Millis = 10 * SECOND;
/** What ended a session that is no accident of the network. */
const PLAIN: Partial<Record<CloseReason, string>> = {
  'peer-closed': 'the gateway closed the connection',
  lost: 'the connection to the gateway was cut',
  silent: 'the gateway went silent',
  protocol: 'what came was not what the gateway can have sent: somebody changes bytes on the way',
  stuck: 'the gateway does not read what it is sent',
  expired: 'the session is a day old: a new one, with new keys, takes its place',
};

/** Keeps a session with one of the gateways: at once again after a cut, with pauses only after a connect that failed. */
export class AgentLink {
  readonly #settings: LinkSettings;
  readonly #dns: Dns;
  readonly #stop = new AbortController();
  readonly #cuts: Millis[] = [];
  #session: Session | null = null;
  #closed: Promise<void> = Promise.resolve();
  /** where it is, '' while it is nowhere */
  at = '';
  #alarmedAt = -Infinity;
  /** of the last failure, so that the same one is said once a minute */
  #said = { text: '', at: -Infinity };

  constructor(settings: LinkSettings) {
    this.#settings = settings;
    this.#dns = settings.dns ?? systemDns();
  }

  get session(): Session | null {
    return this.#session;
  }

  /** Begins; it goes on until `stop`. */
  start(): void {
    this.#closed = this.#run().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  /** Closes the session in order. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#session?.close('shutdown');
    await this.#closed;
  }

  /** A new session in place of this one: the key has changed. */
  renew(): void {
    this.#session?.close('replaced');
  }

  async #run(): Promise<void> {
    const { first, ceiling } = this.#settings.pauses ?? PAUSES;
    const { signal } = this.#stop;
    let wait = first;
    let stoodAt = Date.now();
    while (!signal.aborted) {
      if (await this.#once()) {
        wait = first;
        stoodAt = Date.now();
      } else {
        // nobody there, or one who sends us away: of a bare cut there is no pause
        await sleep(wait * (1 + Math.random() / 2), undefined, { signal });
        const most = Date.now() - stoodAt < MINUTE ? Math.min(ceiling, CEILING_AT_FIRST) : ceiling;
        wait = Math.min(most, 2 * wait);
      }
    }
  }

  /** Tries every gateway once. @returns whether there was a session that ended by an accident, or after a while */
  async #once(): Promise<boolean> {
    for (const gateway of this.#settings.gateways)
      for (const place of await placesOf(gateway, this.#dns))
        for (const pinned of this.#settings.identity().pinned) {
          const stands = await this.#connect(place, pinned);
          if (stands === null) continue;
          const since = Date.now();
          const cut = await stands.over;
          return cut || Date.now() - since > SHORT;
        }
    return false;
  }

  /** @returns what settles when the session is over, with whether it was cut; null: there is none */
  async #connect({ host, port }: Place, gateway: PublicKey): Promise<{ readonly over: Promise<boolean> } | null> {
    const { identity, handler, log, keyTold, connected } = this.#settings;
    const { signal } = this.#stop;
    const { account, key, inst, ca } = identity();
    let end: (cut: boolean) => void = () => undefined;
    const over = new Promise<boolean>((resolve) => (end = resolve));
    try {
      const connection = await connectCsc({
        ...{ host, port, account, key, inst, gateway, signal, keyTold },
        ...(ca === undefined ? {} : { ca }),
        handler: {
          opened: (session, inherits) => {
            this.#session = session;
            handler.opened(session, inherits);
          },
          message: (session, bytes) => handler.message(session, bytes),
          closed: (session, reason, cut) => {
            this.#session = null;
            this.at = '';
            handler.closed(session, reason, cut);
            this.#tellEnd(reason, cut);
            end(cut);
          },
        },
      });
      this.at = `${host}:${port}`;
      const again = this.#cuts.length >= ALARM_FROM && Date.now() - this.#alarmedAt < MINUTE;
      log[again ? 'debug' : 'info']({ gateway: this.at }, 'connected: the gateway has proved its key, and we ours');
      this.#said = { text: '', at: -Infinity };
      connected?.(connection);
      connection.session.askKey();
      return { over };
    } catch (error) {
      signal.throwIfAborted();
      this.#tellFailure(error);
      return null;
    }
  }

  #tellEnd(reason: CloseReason, cut: boolean): void {
    const { log } = this.#settings;
    if (this.#stop.signal.aborted || reason === 'replaced') return;
    const text = PLAIN[reason] ?? `the session ended: ${reason}`;
    if (!cut) return log.info(`${text}; connecting again`);
    const now = Date.now();
    this.#cuts.push(now);
    while ((this.#cuts[0] ?? now) < now - MINUTE) this.#cuts.shift();
    if (this.#cuts.length < ALARM_FROM) return log.warn(`${text}; connecting again at once, nothing is lost`);
    if (now - this.#alarmedAt < MINUTE) return;
    this.#alarmedAt = now;
    log.error(
      { cuts: this.#cuts.length },
      `${text}, ${this.#cuts.length} times within a minute: the path is bad, or somebody forges resets`,
    );
  }

  #tellFailure(error: unknown): void {
    if (!(error instanceof PeerError)) throw error;
    const { log } = this.#settings;
    const now = Date.now();
    const text = messageOf(error);
    if (text === this.#said.text && now - this.#said.at < MINUTE) return;
    this.#said = { text, at: now };
    if (error.retryable) log.warn(`no connection: ${text}; trying again`);
    else log.error(`no connection: ${text}; trying again, but somebody should look (ringfence agent doctor)`);
  }
}
