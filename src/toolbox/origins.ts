import { sourceKey } from '../address.ts';
import type { Millis } from '../model.ts';
import type { OriginRow, OriginsTable } from '../store/index.ts';
import { MINUTE } from '../time.ts';
import type { Proof } from './tool.ts';

/**
 * The addresses that an identity speaks from. A port is no part of one (a NAT gives a new one at will), of IPv6 the /64 counts (privacy
 * addresses, RFC 8981, change the rest), and an identity has as many as it has phones. What nobody has spoken from for long is forgotten.
 */

/** A known address is written down again after so long, not with every message. */
const TOUCHED: Millis = MINUTE;
/** Addresses of one identity at the most: the one that was silent longest goes. */
const MOST_OF_ONE = 16;
const PURGED_TOGETHER = 64;

export interface OriginsOptions {
  readonly table: OriginsTable;
  /** addresses of all identities at the most */
  readonly most: number;
}

/** How a message's address stands to its identity. */
export type Standing =
  | { readonly kind: 'known' }
  /** nothing is known of the identity yet */
  | { readonly kind: 'first' }
  /** `alive`: somebody has spoken as this identity from another address within the time asked for */
  | { readonly kind: 'new'; readonly alive: OriginRow | null; readonly known: readonly OriginRow[] };

export class Origins {
  readonly #table: OriginsTable;
  readonly #most: number;
  #count: number;

  constructor({ table, most }: OriginsOptions) {
    this.#table = table;
    this.#most = most;
    this.#count = table.count();
  }

  /** The text that stands for an address: IPv4 the network of `bits` bits, IPv6 the /64. */
  static of(address: string, bits: number): string {
    if (address.includes(':') || bits >= 32) return sourceKey(address);
    const value = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
    const network = Math.floor(value / 2 ** (32 - bits)) * 2 ** (32 - bits);
    return `${[24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256).join('.')}/${bits}`;
  }

  standing(identity: string, origin: string, at: Millis, alive: Millis, remember: Millis): Standing {
    const known = this.#table.of(identity).filter((row) => at - row.last <= remember);
    if (known.some((row) => row.origin === origin)) return { kind: 'known' };
    if (known.length === 0) return { kind: 'first' };
    return { kind: 'new', alive: known.find((row) => at - row.last <= alive) ?? null, known };
  }

  /** Within a transaction. @returns false: there is no room for a new one, and it stays unknown */
  learn(identity: string, origin: string, at: Millis, proof: Proof | 'first' | 'alert', remember: Millis): boolean {
    const known = this.#table.of(identity);
    const own = known.find((row) => row.origin === origin);
    if (own !== undefined) {
      if (at - own.last >= TOUCHED) this.#table.put({ ...own, last: at });
      return true;
    }
    if (this.#count >= this.#most) this.#count -= this.#table.purge(at - remember, PURGED_TOGETHER);
    if (this.#count >= this.#most) return false;
    for (const { origin: oldest } of known.slice(MOST_OF_ONE - 1)) {
      this.#table.forget(identity, oldest);
      this.#count--;
    }
    this.#table.put({ identity, origin, first: at, last: at, proof });
    this.#count++;
    return true;
  }

  /** What a transaction has counted and not kept is counted anew. */
  undone(): void {
    this.#count = this.#table.count();
  }
}
