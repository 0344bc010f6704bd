import { canonicalAddress, isAddressOrBlock } from '../address.ts';

/** Addresses of one object: Asterisk parses every object for every SIP message, and grouped they cost a tenth. */
export const GROUP = 40;
/** Bytes of the list, so that the line of DBPut stays within AMI's 1,000. */
const TEXT = 900;
/** Addresses in all; 5,000 were measured to cost a REGISTER about 5 ms. Beyond it an address is refused by the guard alone. */
export const ACL_LIMIT = 5_000;

const OURS = /^acl\/g\d{4}$/;
/** A key of an object that ringfence names; `acl/…` of other names is an admin's. */
export const isGroupKey = (key: string): boolean => OURS.test(key);

const keyOf = (slot: number): string => `acl/g${String(slot).padStart(4, '0')}`;

/**
 * Is this the value of a sorcery ACL object that Asterisk can read? One that it cannot read silently disables all others
 * beside it, and the PBX is open: lists of addresses and blocks only, as text, no host names, no named ACLs (a name that
 * is not in acl.conf refuses everybody).
 */
export function isSoundAcl(value: string): boolean {
  let object: unknown;
  try {
    object = JSON.parse(value);
  } catch {
    return false;
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return false;
  const fields = Object.entries(object);
  return (
    fields.length > 0 &&
    fields.every(
      ([name, text]) =>
        ['deny', 'permit', 'contact_deny', 'contact_permit'].includes(name) &&
        typeof text === 'string' &&
        text !== '' &&
        text.split(',').every((item) => isAddressOrBlock(item.replace(/^!/, '')) || isNetmask(item)),
    )
  );
}

/** `10.0.0.0/255.0.0.0`, which Asterisk takes too. */
const isNetmask = (text: string): boolean => {
  const [address = '', mask = '', ...rest] = text.replace(/^!/, '').split('/');
  return rest.length === 0 && [address, mask].every((part) => /^\d/.test(part) && isAddressOrBlock(part));
};

/** The addresses of an object of ours; null: it is not one. */
function membersIn(value: string): string[] | null {
  if (!isSoundAcl(value)) return null;
  const { deny, ...rest } = JSON.parse(value) as Record<string, string>;
  return deny === undefined || Object.keys(rest).length > 0 ? null : deny.split(',');
}

/**
 * Which address is in which ACL object. An address stays in its object for as long as it stands, so that one change
 * rewrites one object; rows are built here alone, of checked addresses, so that none is ever malformed.
 */
export class AclGroups {
  readonly #groups = new Map<number, { readonly members: Set<string>; bytes: number }>();
  readonly #slotOf = new Map<string, number>();
  /** slots with room */
  readonly #open = new Set<number>();

  get size(): number {
    return this.#slotOf.size;
  }

  /** Key of the object that now holds the address; null: not an address, or there are too many. */
  place(address: string): string | null {
    const known = this.#slotOf.get(address);
    if (known !== undefined) return keyOf(known);
    if (canonicalAddress(address) !== address || this.size >= ACL_LIMIT) return null;
    for (const slot of this.#open) if (this.#fits(slot, address)) return this.#into(slot, address);
    let slot = 0;
    while (this.#groups.has(slot)) slot++;
    return this.#into(slot, address);
  }

  /** Key of the object that held it. */
  remove(address: string): string | null {
    const slot = this.#slotOf.get(address);
    const group = slot === undefined ? undefined : this.#groups.get(slot);
    if (slot === undefined || group === undefined) return null;
    this.#slotOf.delete(address);
    group.members.delete(address);
    group.bytes -= address.length + 1;
    this.#open.add(slot);
    if (group.members.size === 0) {
      this.#groups.delete(slot);
      this.#open.delete(slot);
    }
    return keyOf(slot);
  }

  keyOf(address: string): string | null {
    const slot = this.#slotOf.get(address);
    return slot === undefined ? null : keyOf(slot);
  }

  membersOf(key: string): readonly string[] {
    return isGroupKey(key) ? [...(this.#groups.get(Number(key.slice(5)))?.members ?? [])] : [];
  }

  /** The object's value; null: it is empty and not to be there. */
  valueOf(key: string): string | null {
    const members = this.membersOf(key);
    return members.length === 0 ? null : JSON.stringify({ deny: members.join(',') });
  }

  /** Puts addresses where `standing` holds them already, so that taking over what stands rewrites as little as can be. */
  adopt(standing: ReadonlyMap<string, string>): void {
    const wanted = new Set(this.#slotOf.keys());
    if (wanted.size === 0) return;
    this.#groups.clear();
    this.#slotOf.clear();
    this.#open.clear();
    for (const [key, value] of standing) {
      if (!isGroupKey(key)) continue;
      const slot = Number(key.slice(5));
      for (const address of membersIn(value) ?? [])
        if (wanted.has(address) && !this.#slotOf.has(address) && this.#fits(slot, address)) this.#into(slot, address);
    }
    for (const address of wanted) this.place(address);
  }

  #fits(slot: number, address: string): boolean {
    const group = this.#groups.get(slot);
    return group === undefined || (group.members.size < GROUP && group.bytes + address.length + 1 <= TEXT);
  }

  #into(slot: number, address: string): string {
    let group = this.#groups.get(slot);
    if (group === undefined) this.#groups.set(slot, (group = { members: new Set(), bytes: 0 }));
    group.members.add(address);
    group.bytes += address.length + 1;
    this.#slotOf.set(address, slot);
    if (group.members.size < GROUP && group.bytes + 40 <= TEXT) this.#open.add(slot);
    else this.#open.delete(slot);
    return keyOf(slot);
  }
}
