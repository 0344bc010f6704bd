import { createHash, createHmac } from 'node:crypto';
import { sourceKey } from '../address.ts';
import { StoreError } from '../errors.ts';
import type { Millis } from '../model.ts';
import type { MetaTable, ReplayRow, ReplaysTable } from '../store/index.ts';
import { iso, SECOND } from '../time.ts';
import { refuse, type Passage, type Refusal } from './tool.ts';

/**
 * What was accepted, at three levels, in the store: it outlives restarts and kill -9. Everything is held as an HMAC under a secret
 * that is not in the store, so that a store in the wrong hands tells neither SRTP keys nor who called whom.
 *
 * Nothing is forgotten before its window has passed. When there is no room, what is new is refused until room is made: who must
 * let nothing through twice cannot forget. Only what every step of a template has agreed to is remembered.
 */
export type Level = 'message' | 'sdes' | 'digest';

/** A transport repeats a request for so long (RFC 3261 timers B, F and H: 64*T1). */
export const RETRANSMITTED: Millis = 32 * SECOND;
/** Rows forgotten with one message at the most, so that no message pays for an hour of silence. */
const FORGOTTEN_TOGETHER = 32;

export interface ReplaysOptions {
  readonly table: ReplaysTable;
  readonly meta: MetaTable;
  /** 32 random bytes, kept outside the store */
  readonly secret: Uint8Array;
  /** rows of one level at the most */
  readonly most: number;
}

/** What of a message makes a later one the same, or one of the same call. */
export interface Shown {
  readonly call: string;
  readonly cseq: number;
  readonly message: string;
  readonly credentials: string;
  readonly source: string;
  readonly callId: string;
  readonly at: Millis;
}

const HORIZON = 'toolbox.horizon';
const SECRET = 'toolbox.secret';

export class Replays {
  readonly #table: ReplaysTable;
  readonly #meta: MetaTable;
  readonly #secret: Uint8Array;
  readonly #most: number;
  readonly #shown = new WeakMap<Passage, Shown>();
  readonly #counts = new Map<Level, number>();
  /** nothing of a level ends before */
  readonly #ends = new Map<Level, Millis>();
  #now: Millis = -Infinity;
  #horizon: Millis;

  /** @throws StoreError the store was written under another secret, so that it would know nothing again */
  constructor({ table, meta, secret, most }: ReplaysOptions) {
    this.#table = table;
    this.#meta = meta;
    this.#secret = secret;
    this.#most = most;
    this.#horizon = Number(meta.get(HORIZON) ?? -Infinity);
    const mark = this.seal('secret');
    const known = meta.get(SECRET);
    if (known !== null && known !== mark)
      throw new StoreError(
        'store-unreadable',
        'what the toolbox has accepted was remembered under another secret, so a replay would not be noticed: put the former ' +
          'secret file back, or, if it is lost, empty the table toolbox_replays and the row toolbox.secret of meta in the store',
      );
    if (known === null) meta.set(SECRET, mark);
  }

  /** 16 bytes of an HMAC of the parts, base64url. */
  seal(...parts: readonly (string | number)[]): string {
    const mac = createHmac('sha256', this.#secret);
    for (const part of parts) {
      const text = String(part);
      mac.update(`${Buffer.byteLength(text)}:${text}`);
    }
    return mac.digest().subarray(0, 16).toString('base64url');
  }

  shown(passage: Passage): Shown {
    const known = this.#shown.get(passage);
    if (known !== undefined) return known;
    const { message, arrival, original } = passage;
    const answers = message.digests.map(({ nonce, response }) => `${nonce} ${response}`).join('\n');
    const shown: Shown = {
      call: this.seal('call', message.callId, message.isRequest ? message.fromTag : message.toTag),
      cseq: message.cseq,
      message: this.seal('bytes', message.branch, createHash('sha256').update(original).digest('base64')),
      credentials: answers === '' ? '' : this.seal('credentials', answers),
      source: arrival.source === null ? '' : sourceKey(arrival.source),
      callId: message.callId.slice(0, 64),
      at: this.#at(arrival.at),
    };
    this.#shown.set(passage, shown);
    return shown;
  }

  /** Time does not go back in here. */
  #at(at: Millis): Millis {
    if (at > this.#now) this.#now = at;
    return this.#now;
  }

  /** What was accepted under this key, if its window has not passed. */
  first(level: Level, key: string): ReplayRow | null {
    const row = this.#table.get(level, key);
    return row === null || row.until < this.#now ? null : row;
  }

  /** The transport's repetition of what `first` was: the same bytes by the same branch from the same address, soon. */
  isRetransmission(first: ReplayRow, shown: Shown): boolean {
    return first.message === shown.message && first.source === shown.source && shown.at - first.at <= RETRANSMITTED;
  }

  /** Within a transaction. @returns why it could not be remembered */
  remember(level: Level, key: string, shown: Shown, until: Millis, dated: boolean): Refusal | null {
    const count = this.#makeRoom(level);
    if (count >= this.#most) {
      const freesAt = this.#table.firstEnd(level);
      const when = freesAt === null ? '' : ` until ${iso(freesAt)}`;
      return refuse('full', `${this.#most} ${level} entries are remembered, and there is no room${when}`, {
        severity: 'high',
        reason: 'full',
        summary: `What was accepted cannot be remembered${when}: new messages are refused`,
        facts: { level, held: count, until: freesAt === null ? null : iso(freesAt) },
      });
    }
    // one that has ended may not be swept away yet
    const added = this.#table.get(level, key) === null ? 1 : 0;
    this.#table.put({ level, key, ...shown, until: Math.max(until, shown.at), dated });
    this.#counts.set(level, count + added);
    if (until < (this.#ends.get(level) ?? -Infinity)) this.#ends.set(level, until);
    return null;
  }

  advance(level: Level, key: string, cseq: number): void {
    this.#table.advance(level, key, cseq);
  }

  /** What a transaction has counted and not kept is counted anew. */
  undone(): void {
    this.#counts.clear();
    this.#ends.clear();
  }

  #makeRoom(level: Level): number {
    const count = this.#counts.get(level) ?? this.#table.count(level);
    const end = this.#ends.get(level) ?? this.#table.firstEnd(level) ?? Infinity;
    this.#ends.set(level, end);
    return end < this.#now ? count - this.#forget(level) : count;
  }

  #forget(level: Level): number {
    const { gone, dated } = this.#table.forget(level, this.#now, FORGOTTEN_TOGETHER);
    this.#ends.set(level, this.#table.firstEnd(level) ?? Infinity);
    if (dated !== null && dated > this.#horizon) {
      this.#horizon = dated;
      this.#meta.set(HORIZON, String(dated));
    }
    return gone;
  }

  /**
   * May a message that is fresh until `until` by its own Date be judged at all? What was fresh only until then is forgotten already
   * where the clock was set back: nobody could say whether it came before.
   */
  isForgotten(until: Millis): boolean {
    return until <= this.#horizon;
  }
}
