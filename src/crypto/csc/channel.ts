import type { Millis } from '../../model.ts';
import { DAY, SECOND } from '../../time.ts';
import { readExact, writeExact, type Shape } from '../exact-json.ts';
import { publicKeyFromSpki } from '../public-key.ts';
import { MOST_PLAIN, RECORD_BOUNDS, TYPE, type Frame, type HeaderFault } from './frames.ts';
import type { Established } from './handshake.ts';

/** Each side pings this often… */
export const PING_EVERY: Millis = 25 * SECOND;
/** …and takes the path for cut when the answer is not there by then. */
export const PONG_WITHIN: Millis = 10 * SECOND;
/** Then a new session, with new keys. */
export const LONGEST_SESSION: Millis = DAY;

const PING_BYTES = 8;
const GATEWAY_KEY = Buffer.from(writeExact({ of: 'text' }, { of: 'gateway' }));
const KEY_RESPONSE = { kid: 32, spki: 'bytes', crl: 'bytes' } as const satisfies Shape;
const NOTHING = Buffer.alloc(0);

/** What record 0x12 says: the gateway's youngest key. */
export interface GatewayKey {
  /** SHA-256 of `spki` */
  readonly kid: Uint8Array;
  /** SubjectPublicKeyInfo, DER */
  readonly spki: Uint8Array;
  /** the CA's revocation list, DER; empty where there is none, or it is too long for a record */
  readonly crl: Uint8Array;
}

/** Why a channel broke: for the log, never for the other side. */
export type ChannelFault =
  | HeaderFault
  /** not the next record of that side: changed, repeated, left out, out of order */
  | 'tag'
  /** opened, but not what its type says */
  | 'malformed'
  /** an answer to nothing, a second question before the first is answered */
  | 'unasked';

export type ChannelStep =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** the other side has the keys too: the first record that could be opened */
  | { readonly kind: 'confirmed' }
  | { readonly kind: 'sip'; readonly bytes: Buffer }
  /** gateway: answer with `answerKey` */
  | { readonly kind: 'key-request' }
  /** client: the answer to `askKey` */
  | { readonly kind: 'gateway-key'; readonly key: GatewayKey }
  | {
      readonly kind: 'over';
      /** `closed`: we closed it and that was answered · `peer-closed`: the other did and has our answer */
      readonly reason: 'closed' | 'peer-closed' | 'silent' | 'protocol';
      readonly fault?: ChannelFault;
    };

const TYPES: Readonly<Record<'gateway' | 'client', ReadonlySet<number>>> = {
  gateway: new Set([TYPE.sip, TYPE.keyRequest, TYPE.ping, TYPE.pong, TYPE.close]),
  client: new Set([TYPE.sip, TYPE.keyResponse, TYPE.ping, TYPE.pong, TYPE.close]),
};

/**
 * A session after its handshake, seen from one side: records, pings, key requests, the closing. Steps are carried out in
 * order; after `over` there are none.
 */
export class Channel {
  readonly #role: 'gateway' | 'client';
  readonly #ends: Established;
  readonly #accepts: (type: number) => boolean;
  readonly #since: Millis;
  #state: 'open' | 'closing' | 'over' = 'open';
  #confirmed = false;
  #asked = false;
  #pingAt: Millis;
  /** the ping that is not answered yet */
  #pinged: Buffer | null = null;
  #pings = 0;

  constructor(role: 'gateway' | 'client', ends: Established, now: Millis) {
    this.#role = role;
    this.#ends = ends;
    this.#accepts = (type) => TYPES[role].has(type);
    this.#since = now;
    this.#pingAt = now;
  }

  /** The first steps: the client pings at once, and bytes that came with the handshake's last are read. */
  start(now: Millis): ChannelStep[] {
    return [...(this.#role === 'client' ? [this.#ping(now)] : []), ...this.receive(NOTHING)];
  }

  /** A record of one SIP message; null: too long, empty, or the channel is closing. */
  send(message: Buffer): Buffer | null {
    if (this.#state !== 'open' || message.length === 0 || message.length > MOST_PLAIN) return null;
    return this.#ends.sealer.seal(TYPE.sip, message);
  }

  /** Client: the record that asks for the gateway's youngest key; null: the last question is not answered yet. */
  askKey(): Buffer | null {
    if (this.#state !== 'open' || this.#asked || this.#role !== 'client') return null;
    this.#asked = true;
    return this.#ends.sealer.seal(TYPE.keyRequest, GATEWAY_KEY);
  }

  /** Gateway: the record that answers a step `key-request`. */
  answerKey(key: GatewayKey): Buffer | null {
    if (this.#state !== 'open' || !this.#asked || this.#role !== 'gateway') return null;
    this.#asked = false;
    const json = writeExact(KEY_RESPONSE, key);
    const fits = json.length <= MOST_PLAIN ? json : writeExact(KEY_RESPONSE, { ...key, crl: NOTHING });
    return this.#ends.sealer.seal(TYPE.keyResponse, fits);
  }

  /** Ours to close: the record that says so, once. The other side's messages are still taken until its answer. */
  close(): ChannelStep[] {
    if (this.#state !== 'open') return [];
    this.#state = 'closing';
    return [{ kind: 'send', bytes: this.#ends.sealer.seal(TYPE.close, NOTHING) }];
  }

  /** No more of it, whatever the other side thinks: the keys are erased. */
  end(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#ends.sealer.erase();
    this.#ends.opener.erase();
  }

  /** Has it lasted as long as a session may? */
  isExpired(now: Millis): boolean {
    return now - this.#since >= LONGEST_SESSION;
  }

  /** To be called every second or so. */
  tick(now: Millis): ChannelStep[] {
    if (this.#state === 'over') return [];
    if (this.#pinged !== null) return now - this.#pingAt >= PONG_WITHIN ? this.#over('silent') : [];
    return this.#state === 'open' && now - this.#pingAt >= PING_EVERY ? [this.#ping(now)] : [];
  }

  receive(chunk: Buffer): ChannelStep[] {
    if (this.#state === 'over') return [];
    const { reader, opener } = this.#ends;
    reader.push(chunk);
    const steps: ChannelStep[] = [];
    while (!this.#isOver()) {
      const record = reader.next(this.#accepts, RECORD_BOUNDS);
      if (record === null) break;
      if ('ok' in record) {
        steps.push(...this.#over('protocol', record.reason as HeaderFault));
        break;
      }
      const plain = opener.open(record);
      if (plain === null) {
        steps.push(...this.#over('protocol', 'tag'));
        break;
      }
      if (!this.#confirmed) steps.push({ kind: 'confirmed' });
      this.#confirmed = true;
      steps.push(...this.#take(record, plain));
    }
    return steps;
  }

  // a call in a loop's condition, which the compiler does not narrow
  #isOver(): boolean {
    return this.#state === 'over';
  }

  #take({ type }: Frame, plain: Buffer): ChannelStep[] {
    switch (type) {
      case TYPE.sip:
        return plain.length === 0 ? this.#over('protocol', 'malformed') : [{ kind: 'sip', bytes: plain }];
      case TYPE.ping:
        if (plain.length !== PING_BYTES) return this.#over('protocol', 'malformed');
        return this.#state === 'open' ? [{ kind: 'send', bytes: this.#ends.sealer.seal(TYPE.pong, plain) }] : [];
      case TYPE.pong:
        return this.#pong(plain);
      case TYPE.keyRequest:
        if (!plain.equals(GATEWAY_KEY)) return this.#over('protocol', 'malformed');
        if (this.#asked) return this.#over('protocol', 'unasked');
        this.#asked = true;
        return [{ kind: 'key-request' }];
      case TYPE.keyResponse:
        return this.#gatewayKey(plain);
      default:
        return this.#closed(plain);
    }
  }

  #pong(plain: Buffer): ChannelStep[] {
    if (this.#pinged?.equals(plain) !== true) return this.#over('protocol', 'unasked');
    this.#pinged = null;
    return [];
  }

  #gatewayKey(plain: Buffer): ChannelStep[] {
    if (!this.#asked) return this.#over('protocol', 'unasked');
    this.#asked = false;
    const read = readExact(KEY_RESPONSE, plain);
    const spki = read.ok ? publicKeyFromSpki(read.value.spki) : read;
    if (!read.ok || !spki.ok || spki.value.kid !== Buffer.from(read.value.kid).toString('base64url'))
      return this.#over('protocol', 'malformed');
    return [{ kind: 'gateway-key', key: read.value }];
  }

  #closed(plain: Buffer): ChannelStep[] {
    if (plain.length !== 0) return this.#over('protocol', 'malformed');
    if (this.#state === 'closing') return this.#over('closed');
    return [...this.close(), ...this.#over('peer-closed')];
  }

  #ping(now: Millis): ChannelStep {
    this.#pingAt = now;
    this.#pinged = Buffer.alloc(PING_BYTES);
    this.#pinged.writeUInt32BE(++this.#pings, 4);
    return { kind: 'send', bytes: this.#ends.sealer.seal(TYPE.ping, this.#pinged) };
  }

  #over(reason: 'closed' | 'peer-closed' | 'silent' | 'protocol', fault?: ChannelFault): ChannelStep[] {
    this.end();
    return [{ kind: 'over', reason, ...(fault === undefined ? {} : { fault }) }];
  }
}
