import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { runProgram } from './program.ts';

/**
 * nftables by its JSON (`nft -j`, libnftables-json(5)): a table of our own with two sets of addresses that end by
 * themselves and one chain that drops what they send to the SIP ports. Nothing outside the table is touched, and to
 * delete the table undoes all of it.
 */
export interface NftOptions {
  /** how nft is called; default `nft` */
  readonly command?: readonly string[];
  /** ports of the PBX that a blocked address cannot reach, UDP and TCP; default 5060 and 5061 */
  readonly ports?: readonly number[];
  /** for one run; default 5,000 */
  readonly timeout?: Millis;
}

/** An address in a set. */
export interface NftElement {
  readonly address: string;
  /** our note at it, '' if there is none */
  readonly comment: string;
  /** seconds until it ends; null: it does not */
  readonly expires: number | null;
}

export const NFT_TABLE = 'ringfence';
const SETS = { 4: 'address4', 6: 'address6' } as const;
const OUTPUT_LIMIT = 64 * 1024 * 1024;
const TIMEOUT: Millis = 5_000;
/** Addresses of one transaction: as an argument it may have 128 KB (Linux, MAX_ARG_STRLEN). */
const TOGETHER = 100;

type Command = Readonly<Record<string, unknown>>;

const inTable = { family: 'inet', table: NFT_TABLE } as const;
const setOf = (address: string): string => (address.includes(':') ? SETS[6] : SETS[4]);

/** One nftables of a network namespace. All methods @throws PeerError with nft's own words. */
export class Nft {
  readonly #command: readonly string[];
  readonly #ports: readonly number[];
  readonly #timeout: Millis;

  constructor(options: NftOptions = {}) {
    this.#command = options.command ?? ['nft'];
    this.#ports = options.ports ?? [5060, 5061];
    this.#timeout = options.timeout ?? TIMEOUT;
  }

  /** Makes table, sets and chain, or finds them made; elements that stand stay. */
  async prepare(): Promise<void> {
    const chain = { ...inTable, name: 'input' };
    const set = (name: string, type: string): Command => ({
      add: { set: { ...inTable, name, type, flags: ['timeout'] } },
    });
    await this.#run([
      { add: { table: { family: 'inet', name: NFT_TABLE } } },
      set(SETS[4], 'ipv4_addr'),
      set(SETS[6], 'ipv6_addr'),
      // before the site's own filter, so that what it lets in by state is refused too
      { add: { chain: { ...chain, type: 'filter', hook: 'input', prio: -10, policy: 'accept' } } },
      { flush: { chain } },
      this.#rule('ip', SETS[4]),
      this.#rule('ip6', SETS[6]),
    ]);
  }

  #rule(protocol: 'ip' | 'ip6', set: string): Command {
    const match = (left: Command, right: unknown): Command => ({ match: { op: '==', left, right } });
    const payload = (name: string, field: string): Command => ({ payload: { protocol: name, field } });
    const expr = [
      match(payload(protocol, 'saddr'), `@${set}`),
      match({ meta: { key: 'l4proto' } }, { set: ['tcp', 'udp'] }),
      match(payload('th', 'dport'), { set: this.#ports }),
      { drop: null },
    ];
    return { add: { rule: { ...inTable, chain: 'input', expr } } };
  }

  /**
   * Adds and removes addresses; each hundred of them is one transaction, all or nothing. An address that stands gets its new end: it is taken out and put in within
   * the one transaction, for an element's timeout cannot be changed.
   */
  async change(
    put: readonly { readonly address: string; readonly seconds: number; readonly comment: string }[],
    remove: readonly string[],
  ): Promise<void> {
    const elem = (address: string, value: unknown): Command => ({
      element: { ...inTable, name: setOf(address), elem: [value] },
    });
    // added first so that the deletion finds it, whether it stood or not
    const gone = (address: string): Command[] => [{ add: elem(address, address) }, { delete: elem(address, address) }];
    const changes: Command[][] = [
      ...remove.map(gone),
      ...put.map(({ address, seconds, comment }) => [
        ...gone(address),
        { add: elem(address, { elem: { val: address, timeout: Math.max(1, Math.ceil(seconds)), comment } }) },
      ]),
    ];
    for (let at = 0; at < changes.length; at += TOGETHER) await this.#run(changes.slice(at, at + TOGETHER).flat());
  }

  /** All addresses that stand; null: the table is not there. */
  async list(): Promise<NftElement[] | null> {
    const elements: NftElement[] = [];
    for (const set of Object.values(SETS)) {
      let answer: { nftables?: { set?: { elem?: unknown[] } }[] };
      try {
        answer = JSON.parse(await this.#nft(['-j', 'list', 'set', 'inet', NFT_TABLE, set])) as typeof answer;
      } catch (error) {
        if (error instanceof PeerError && error.message.includes('No such file or directory')) return null;
        if (error instanceof SyntaxError) throw new PeerError('peer-protocol', `nft: ${error.message}`, false);
        throw error;
      }
      for (const part of answer.nftables ?? []) for (const elem of part.set?.elem ?? []) elements.push(elementOf(elem));
    }
    return elements;
  }

  /** Takes the table away with all that is in it. */
  async remove(): Promise<void> {
    await this.#run([
      { add: { table: { family: 'inet', name: NFT_TABLE } } },
      { delete: { table: { family: 'inet', name: NFT_TABLE } } },
    ]);
  }

  /** As an argument, for nft opens /dev/stdin by its name, which cannot be done with the socket that Node makes of it. */
  async #run(commands: readonly Command[]): Promise<void> {
    await this.#nft(['-j', JSON.stringify({ nftables: commands })]);
  }

  #nft(args: readonly string[]): Promise<string> {
    return runProgram([...this.#command, ...args], {
      name: 'nft',
      absent: 'install nftables, or switch it off',
      timeout: this.#timeout,
      limit: OUTPUT_LIMIT,
    });
  }
}

/** An element is a bare address, or an object where it has a timeout or a comment. */
function elementOf(item: unknown): NftElement {
  if (typeof item !== 'object' || item === null) return { address: String(item), comment: '', expires: null };
  const { val, comment, expires } =
    (item as { elem?: { val?: unknown; comment?: unknown; expires?: unknown } }).elem ?? {};
  return {
    address: String(val),
    comment: typeof comment === 'string' ? comment : '',
    expires: typeof expires === 'number' ? expires : null,
  };
}
