import { CidrSet } from '../address.ts';
import { BoundedMap } from '../windows.ts';
import type { Networks } from './site.ts';

export interface NetworkOptions {
  readonly local: readonly string[];
  readonly pbx: readonly string[];
  readonly trunks: readonly { readonly name: string; readonly addresses: readonly string[] }[];
  readonly never_block: readonly string[];
}

interface Belonging {
  readonly local: boolean;
  readonly pbx: boolean;
  readonly trunk: string | null;
  readonly neverBlock: boolean;
}

/** Addresses whose belonging is remembered; every packet asks, and most come from few addresses. */
const REMEMBERED = 8_192;
/**
 * The machine itself: nothing good comes of blocking it. Not all of 127.0.0.0/8: nobody outside can have the rest (RFC 1122
 * section 3.2.1.3), what uses it on purpose is named in `network` (a proxy at 127.0.0.2), and the lab's strangers, who must be
 * blockable, live there, because real addresses of their own would need privileges that CI may not have.
 */
const LOOPBACK = ['127.0.0.1', '::1'];
/** An address is at most 45 characters (RFC 4291 section 2.2 with an IPv4 tail), plus a zone index. */
const LONGEST_ADDRESS = 64;

/** Who is who by address. Texts that are no address belong to nobody. */
export function createNetworks(options: NetworkOptions): Networks {
  const local = new CidrSet(options.local);
  const pbx = new CidrSet(options.pbx);
  const trunks = options.trunks.map(({ name, addresses }) => ({ name, addresses: new CidrSet(addresses) }));
  const names = new Set(options.trunks.map(({ name }) => name));
  const never = new CidrSet([...options.never_block, ...LOOPBACK]);
  const remembered = new BoundedMap<Belonging>(REMEMBERED);

  // each packet is asked about several times, its two addresses in turn: texts that are one and the same in memory
  let last = { address: '', found: look('') };
  let before = last;
  const belonging = (address: string): Belonging => {
    if (address === last.address) return last.found;
    if (address !== before.address) before = { address, found: remembered.get(address) ?? look(address) };
    [last, before] = [before, last];
    return last.found;
  };

  function look(address: string): Belonging {
    const isPbx = pbx.has(address);
    const trunk = trunks.find(({ addresses }) => addresses.has(address))?.name ?? null;
    const neverBlock = isPbx || trunk !== null || never.has(address);
    const found = { local: local.has(address), pbx: isPbx, trunk, neverBlock };
    if (address.length <= LONGEST_ADDRESS) remembered.set(address, found);
    return found;
  }

  return {
    isLocal: (address) => belonging(address).local,
    isPbx: (address) => belonging(address).pbx,
    trunkOf: (address) => belonging(address).trunk,
    neverBlock: (address) => belonging(address).neverBlock,
    isTrunk: (account) => names.has(account),
  };
}
