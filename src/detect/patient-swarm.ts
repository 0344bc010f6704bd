import type { AuthFailed, EvidenceDraft, Millis } from '../model.ts';
import { DAY, formatDuration, iso } from '../time.ts';
import { BoundedMap, SlidingDistinct, type Packed } from '../windows.ts';
import { counted, printable } from './phrases.ts';
import { draft } from './stale-password.ts';
import { accountSubject, copy, escalate, unsaid, type Said } from './story.ts';

const ACCOUNTS = 2_000;
const SOURCES = 64;
/** Each address may have tried twice, so this many failures for each that is asked for. */
const TRIES = 2;

interface Target {
  sources: SlidingDistinct;
  failures: number;
  first: Millis;
  last: Millis;
  said: Said;
}

/** Guesses at one account by many addresses, over a day, each of them with all the time in the world. */
export class PatientSwarm {
  readonly #threshold: number;
  readonly #byName = new BoundedMap<Target>(ACCOUNTS);

  /** `threshold`: addresses within a day */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  get size(): number {
    return this.#byName.size;
  }

  /**
   * A failure from an address where nobody ever logged in. `strange`: by a program that the account's owner does not use; where
   * that is not known it takes twice as many addresses, for a mobile phone with an old password comes from many, too.
   */
  failed(event: AuthFailed, name: string, source: string, strange: boolean | null): EvidenceDraft[] {
    if (event.account === null || strange === false) return [];
    const { at } = event;
    let target = this.#byName.get(name);
    if (target === undefined || at - target.last > DAY) {
      target = { sources: new SlidingDistinct(DAY, SOURCES), failures: 0, first: at, last: at, said: unsaid() };
      this.#byName.set(name, target);
    }
    target.failures++;
    target.last = at;
    const sources = target.sources.add(source, at);
    const threshold = this.#threshold * (strange === null ? 2 : 1);
    if (sources < threshold || target.failures < TRIES * threshold) return [];
    const told = escalate(target.said, 'high', target.failures, TRIES * threshold);
    if (told === null) return [];
    return [
      {
        ...draft(event, told, accountSubject(event.account), `patient|${name}|${iso(target.first)}|${target.failures}`),
        summary: `${counted(sources, 'address', 'addresses')} tried passwords for extension ${printable(name)} within a day, none of them often: ${counted(target.failures, 'failure')} in ${formatDuration(at - target.first)}`,
        facts: { failures: target.failures, addresses: sources, rule: `${threshold} addresses within 1 d` },
        sources: target.sources.values().slice(-16),
        sourceProof: 'none',
      },
    ];
  }

  snapshot(): unknown {
    return this.#byName.snapshot((t) => ({ ...copy({ ...t, sources: null }), sources: t.sources.snapshot() }));
  }

  restore(snapshot: unknown): void {
    this.#byName.restore(
      snapshot as Packed<Omit<Target, 'sources'> & { sources: [string, Millis][] }>[],
      ({ sources, ...rest }) => ({ ...copy(rest), sources: SlidingDistinct.restore(DAY, SOURCES, sources) }),
    );
  }
}
