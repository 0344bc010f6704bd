import { createHash, createHmac } from 'node:crypto';
import { sourceKey } from '../address.ts';
import { StoreError } from '../errors.ts';
import type { Millis } from '../model.ts';
import type { MetaTable, ReplayRow, ReplaysTable } from '../store/index.ts';
import { DAY, iso, SECOND } from '../time.ts';
import { refuse, type Passage, type Refusal } from './tool.ts';

/**
 * What was accepted, at three levels, in the store: it outlives restarts and kill -9. Everything is held as an HMAC under a secret
 * that is not in the store, so that a store in the wrong hands tells neither SRTP keys nor who called whom.
 *
 * Nothing is forgotten before its window has passed. When there is no room, what is new is refused until room is made: who must
 * let nothing through twice cannot forget. So that nobody fills it for all others, an owner (who has proved himself, else an address) that
 * holds its share gets no more once half of the room is taken. Only what every step of a template has agreed to is remembered.
 *
 * What has ended stays for a day where there is room: an old message is refused by its Date, and here it is told what it was.
 */
export type Level = 'message' | 'sdes' | 'digest';

/** A transport repeats a request for so long (RFC 3261 timers B, F and H: 64*T1). */
export const RETRANSMITTED: Millis = 32 * SECOND;
/** What has ended is known by name for so long. */
const TOLD: Millis = DAY;
/** Below this part of the room nobody's share counts. */
const ROOMY = 0.5;
/** Rows forgotten with one message at the most, so that no message pays for an hour of silence. */
const FORGOTTEN_TOGETHER = 32;
const MOST_STEPS = 16;

export interface ReplaysOptions {
  readonly table: ReplaysTable;
  readonly meta: MetaTable;
  /** 32 random bytes, kept outside the store */
  readonly secret: Uint8Array;
  /** rows of one level at the most */
  readonly most: number;
  /** how many of them may be of one owner where room is short, percent; default: all */
  readonly share?: number;
}

/** What of a message makes a later one the same, or one of the same call. */
export interface Shown {
  readonly call: string;
  readonly cseq: number;
  readonly message: string;
  readonly credentials: string;
  readonly owner: string;
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
  readonly #share: number;
  readonly #shown = new WeakMap<Passage, Shown>();
  readonly #counts = new Map<Level, number>();
  /** nothing of a level ends before */
  readonly #ends = new Map<Level, Millis>();
  #now: Millis = -Infinity;
  #horizon: Millis;

  /** @throws StoreError the store was written under another secret, so that it would know nothing again */
  constructor({ table, meta, secret, most, share = 100 }: ReplaysOptions) {
    this.#table = table;
    this.#meta = meta;
    this.#secret = secret;
    this.#most = most;
    this.#share = Math.max(1, Math.floor((most * share) / 100));
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
    const { message, arrival, original, identity } = passage;
    const source = arrival.source === null ? '' : sourceKey(arrival.source);
    const answers = message.digests.map(({ nonce, response }) => `${nonce} ${response}`).join('\n');
    const shown: Shown = {
      call: this.seal('call', message.callId, message.isRequest ? message.fromTag : message.toTag),
      cseq: message.cseq,
      message: this.seal('bytes', message.branch, createHash('sha256').update(original).digest('base64')),
      credentials: answers === '' ? '' : this.seal('credentials', answers),
      owner: identity === null ? this.seal('address', source) : this.seal('identity', identity),
      source,
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

  /** The same, though its window may have passed: to tell what an old message was. */
  former(level: Level, key: string): ReplayRow | null {
    return this.#table.get(level, key);
  }

  /** The transport's repetition of what `first` was: the same bytes by the same branch from the same address, soon. */
  isRetransmission(first: ReplayRow, shown: Shown): boolean {
    return first.message === shown.message && first.source === shown.source && shown.at - first.at <= RETRANSMITTED;
  }

  /** Within a transaction. @returns why it could not be remembered */
  remember(level: Level, key: string, shown: Shown, until: Millis, dated: boolean): Refusal | null {
    const count = this.#makeRoom(level);
    if (count >= this.#most) return this.#full(level, count);
    const held = count < this.#most * ROOMY ? 0 : this.#heldBy(level, shown.owner);
    if (held >= this.#share) return shareTaken(level, held);
    // one that has ended may not be swept away yet
    const added = this.#table.get(level, key) === null ? 1 : 0;
    this.#table.put({ level, key, ...shown, until: Math.max(until, shown.at), dated });
    this.#counts.set(level, this.#count(level) + added);
    if (until < (this.#ends.get(level) ?? -Infinity)) this.#ends.set(level, until);
    return null;
  }

  #full(level: Level, count: number): Refusal {
    const freesAt = this.#table.firstEnd(level);
    const when = freesAt === null ? '' : ` until ${iso(freesAt)}`;
    return refuse('full', `${this.#most} ${level} entries are remembered, and there is no room${when}`, {
      severity: 'high',
      reason: 'full',
      summary: `What was accepted cannot be remembered${when}: new messages are refused`,
      facts: { level, held: count, until: freesAt === null ? null : iso(freesAt) },
    });
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
    const end = this.#ends.get(level) ?? this.#table.firstEnd(level) ?? Infinity;
    this.#ends.set(level, end);
    const before = this.#count(level) >= this.#most ? this.#now : this.#now - TOLD;
    if (end < before) this.#forget(level, before);
    return this.#count(level);
  }

  #count(level: Level): number {
    const known = this.#counts.get(level);
    if (known !== undefined) return known;
    const count = this.#table.count(level);
    this.#counts.set(level, count);
    return count;
  }

  /** What of an owner's has not ended; what has makes room first, in so many steps at the most. */
  #heldBy(level: Level, owner: string): number {
    let held = this.#table.heldBy(level, owner);
    for (let step = 0; step < MOST_STEPS && held >= this.#share && this.#forget(level, this.#now) > 0; step++)
      held = this.#table.heldBy(level, owner);
    return held;
  }

  #forget(level: Level, before: Millis): number {
    const { gone, dated } = this.#table.forget(level, before, FORGOTTEN_TOGETHER);
    this.#counts.set(level, this.#count(level) - gone);
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

const shareTaken = (level: Level, held: number): Refusal =>
  refuse('full', `${held} ${level} entries are of this sender alone, and more than half of the room is taken`, {
    severity: 'medium',
    reason: 'full',
    summary:
      'One sender has taken his share of what can be remembered: his new messages are refused, those of others are not',
    facts: { level, held },
  });
