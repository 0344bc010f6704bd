import { PeerError } from '../../errors.ts';
import type { AmiSession } from '../../pbx/ami.ts';
import { applyKeys, readTree } from '../../pbx/astdb.ts';
import { isSoundAcl } from '../acl-groups.ts';
import { KINDS } from '../enforcement.ts';
import type { RowChange, RowOutcome, Target } from './target.ts';

/** Branches of the family that are ours to keep as they should be; auth, pubkey … belong to others. */
const KEPT = new Set<string>([...KINDS.filter((kind) => kind !== 'endpoint'), 'acl']);

/** What the dialplan itself writes: who has tried PINs, and for whom the lock is lifted. */
const isDialplans = (key: string): boolean => key.startsWith('pin/') && key !== 'pin/hash';

/** Asterisk: rows are keys of AstDB family ringfence. */
export class AsteriskTarget implements Target {
  readonly name = 'asterisk';
  readonly overAmi = true;
  readonly #ami: () => AmiSession | null;
  readonly #acl: boolean;

  /** `acl`: does PJSIP read ACLs from there? */
  constructor(ami: () => AmiSession | null, acl: boolean) {
    this.#ami = ami;
    this.#acl = acl;
  }

  get isUp(): boolean {
    return this.#ami() !== null;
  }

  async read(): Promise<ReadonlyMap<string, string>> {
    const all = await readTree(this.#session());
    for (const key of all.keys()) if (!KEPT.has(key.slice(0, key.indexOf('/'))) || isDialplans(key)) all.delete(key);
    return all;
  }

  /** One object that PJSIP cannot read opens the door to all that the others refuse: looked for more often than the rest. */
  async pulse(): Promise<'same' | 'changed'> {
    if (!this.#acl) return 'same';
    const objects = await readTree(this.#session(), 'acl');
    return [...objects.values()].every(isSoundAcl) ? 'same' : 'changed';
  }

  apply(changes: readonly RowChange[]): Promise<ReadonlyMap<string, RowOutcome>> {
    return applyKeys(this.#session(), changes);
  }

  #session(): AmiSession {
    const session = this.#ami();
    if (session === null) throw new PeerError('peer-closed', 'there is no AMI session', true);
    return session;
  }
}
