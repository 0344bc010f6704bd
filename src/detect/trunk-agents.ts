import type { Millis } from '../model.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { copy } from './story.ts';

/** Trunks are a handful, and named in the settings. */
const TRUNKS = 1_024;
/** A carrier that passes on what its customers' devices call themselves has no name of its own to change. */
const PASSES_ON = 8;
/** Messages after which a trunk is known, be they few a day. */
const MESSAGES = 50;

interface Agents {
  first: Millis;
  messages: number;
  products: string[];
}

/**
 * Name of a product without its version: `Asterisk PBX 22.5.2` and `Asterisk PBX 20.1` are one. '' where there is none.
 */
export const productOf = (userAgent: string): string => (/[a-z]{2,32}/i.exec(userAgent)?.[0] ?? '').toLowerCase();

/** What the machines of each trunk call themselves (User-Agent, Server). */
export class TrunkAgents {
  readonly #settle: Millis;
  readonly #byTrunk = new BoundedMap<Agents>(TRUNKS);

  /** `settle`: so long a trunk must have been heard before a new name is news */
  constructor(settle: Millis) {
    this.#settle = settle;
  }

  get size(): number {
    return this.#byTrunk.size;
  }

  /** Has this trunk been heard from an address of its own? */
  known(trunk: string): boolean {
    return this.#byTrunk.peek(trunk) !== undefined;
  }

  /** Takes a message of a trunk in. @returns what it was called until now, where it calls itself something new; else null */
  heard(trunk: string, userAgent: string, at: Millis): readonly string[] | null {
    let agents = this.#byTrunk.get(trunk);
    if (agents === undefined) {
      agents = { first: at, messages: 0, products: [] };
      this.#byTrunk.set(trunk, agents);
    }
    agents.messages++;
    const product = productOf(userAgent);
    if (product === '' || agents.products.includes(product) || agents.products.length >= PASSES_ON) return null;
    const before = [...agents.products];
    agents.products.push(product);
    const settled = agents.messages > MESSAGES && at - agents.first >= this.#settle;
    return settled && before.length > 0 && before.length < PASSES_ON - 1 ? before : null;
  }

  snapshot(): unknown {
    return this.#byTrunk.snapshot(copy);
  }

  restore(snapshot: unknown): void {
    this.#byTrunk.restore(snapshot as Packed<Agents>[], copy);
  }
}
