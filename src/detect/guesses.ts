import type { AuthFailed, Millis, Subject } from '../model.ts';
import { DAY } from '../time.ts';
import { BoundedMap, SlidingLog, type Packed } from '../windows.ts';
import { isSteady, type Failure } from './cadence.ts';
import { addressSubject, copy, unsaid, withDistinct, type Said } from './story.ts';

/** What failed from one source at one target. */
export interface Source {
  log: SlidingLog<Failure>;
  subject: Subject;
  total: number;
  /** of the total, those that are not known to be forgeable */
  sound: number;
  names: string[];
  first: Millis;
  last: Millis;
  userAgent: string;
  /** was it told as certain that it is this source? */
  proved: boolean;
  said: Said;
}

/** One account, at the pace of a phone that has an old password. */
export const isStale = (state: Source, at: Millis): boolean =>
  state.names.length === 1 && isSteady(state.log.since(at));

type Packing = Packed<Omit<Source, 'log'> & { log: (readonly [Millis, Failure])[] }>;

/** What brute-force holds of those who fail: by source and target, for a day. */
export class Guesses {
  readonly #byKey: BoundedMap<Source>;
  readonly #limit: number;

  /** `capacity`: sources; `limit`: failures held of each */
  constructor(capacity: number, limit: number) {
    this.#byKey = new BoundedMap(capacity);
    this.#limit = limit;
  }

  get size(): number {
    return this.#byKey.size;
  }

  peek(key: string): Source | undefined {
    return this.#byKey.peek(key);
  }

  /** Takes a failure in. */
  note(key: string, event: AuthFailed, name: string, unknown: boolean): Source {
    const state = this.#source(key, event);
    const final = event.reason !== 'wrong-credentials';
    const forgeable = event.proof === 'none';
    state.log.add(event.at, { name, port: event.sourcePort, unknown, final, forgeable });
    state.total++;
    if (!forgeable) state.sound++;
    state.last = event.at;
    state.names = withDistinct(state.names, name, 64);
    if (event.userAgent !== '') state.userAgent = event.userAgent;
    return state;
  }

  #source(key: string, event: AuthFailed): Source {
    let state = this.#byKey.get(key);
    if (state === undefined || event.at - state.last > DAY) {
      state = {
        log: new SlidingLog(DAY, this.#limit),
        subject: addressSubject(event.source),
        total: 0,
        sound: 0,
        names: [],
        first: event.at,
        last: event.at,
        userAgent: '',
        proved: false,
        said: unsaid(),
      };
      this.#byKey.set(key, state);
    }
    return state;
  }

  /**
   * Somebody got in: his failures for this account are accounted for, be he a user who mistyped, a phone that was mended, or
   * the breach that is told. What anybody could have sent in his name is not counted as his.
   */
  account(key: string, name: string, at: Millis): { failures: number; first: Millis; steady: boolean } {
    const state = this.#byKey.get(key);
    const own = state?.log.since(at).filter(([, f]) => f.name === name) ?? [];
    if (state === undefined || own.length === 0) return { failures: 0, first: at, steady: false };
    const sound = own.filter(([, f]) => !f.forgeable);
    const single = state.names.length === 1;
    const found = {
      failures: single ? state.sound : sound.length,
      first: sound[0]?.[0] ?? at,
      steady: single && isSteady(sound),
    };
    state.log.drop((f) => f.name === name);
    if (single) Object.assign(state, { total: 0, sound: 0, first: at, proved: false, said: unsaid() });
    return found;
  }

  snapshot(): unknown {
    return this.#byKey.snapshot((s) => ({ ...copy({ ...s, log: null }), log: s.log.snapshot() }));
  }

  restore(snapshot: unknown): void {
    this.#byKey.restore(snapshot as Packing[], ({ log, ...rest }) => ({
      ...copy(rest),
      log: SlidingLog.restore(DAY, this.#limit, log),
    }));
  }
}
