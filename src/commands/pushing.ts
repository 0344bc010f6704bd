import { setTimeout as sleep } from 'node:timers/promises';
import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import type { KeyDifference } from '../pbx/published-keys.ts';
import { actorOf } from '../respond/trail.ts';
import { SECOND } from '../time.ts';
import type { Hand } from './by-hand.ts';
import { Refusal, type MethodParams } from './control-methods.ts';

export interface PushKeysAnswer {
  /** accounts whose current key is now another */
  readonly switched: readonly string[];
  readonly withdrawn: readonly string[];
  /** kids, hex */
  readonly revoked: readonly string[];
  /** rows of cut-short pushes and former versions that were deleted */
  readonly cleaned: number;
  /** rows that are still not as they should be; [] is proved */
  readonly left: readonly KeyDifference[];
  readonly notes: readonly string[];
}

/** Something that the store knows and the PBX holds, or only one of them does. */
export interface InventoryLine {
  readonly what: 'pubkey' | 'revoked' | 'auth' | 'acl';
  /** row of AstDB, without the family */
  readonly key: string;
  readonly state: 'missing' | 'different' | 'extra';
}

export interface InventoryAnswer {
  readonly accounts: number;
  readonly keys: number;
  readonly revoked: number;
  /** auth objects that stand before those of pjsip.conf, and addresses in ACLs, as they should be */
  readonly auths: readonly string[];
  readonly acls: number;
  readonly differences: readonly InventoryLine[];
  readonly notes: readonly string[];
}

/** What AMI refuses is a refusal, not a bug of ours. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof PeerError) throw new Refusal(error.code, error.message);
    throw error;
  }
}

/** `keys push`. @throws Refusal */
export async function pushKeysByHand(hand: Hand, { accounts, why }: MethodParams['pushKeys']): Promise<PushKeysAnswer> {
  const known = hand.store.certificates.all().filter(({ use }) => use === 'account');
  if (known.length === 0)
    throw new Refusal('no-keys', 'the store holds no key of any account: there is nothing to push');
  for (const account of accounts)
    if (!known.some((certificate) => certificate.account === account))
      throw new Refusal('unknown-account', `the store holds no key of account ${account}`);
  return await told(hand.keys.publish(actorOf('hand', why), accounts));
}

const MEND_WITHIN: Millis = 10 * SECOND;

/** `keys list --pushed`: the store and the PBX side by side. @throws Refusal */
export async function inventoryByHand(
  hand: Hand,
  { mend, why }: MethodParams['keyInventory'],
): Promise<InventoryAnswer> {
  const { enforcer, keys } = hand;
  const notes: string[] = [];
  if (mend) {
    await told(keys.publish(actorOf('hand', why)));
    const end = performance.now() + MEND_WITHIN;
    while (!enforcer.agrees() && performance.now() < end) {
      await sleep(10);
      enforcer.tick(Date.now());
    }
  }
  const found = await told(keys.inventory());
  const { entries, foreign } = enforcer.standing();
  const differences: InventoryLine[] = found.differences.map(({ key, kind }) => ({
    what: key.startsWith('revoked/') ? 'revoked' : 'pubkey',
    key,
    state: kind,
  }));
  const auths: string[] = [];
  let acls = 0;
  for (const { kind, value, state } of entries) {
    if (kind !== 'secret' && kind !== 'address') continue;
    if (state !== 'done')
      differences.push(
        kind === 'secret'
          ? { what: 'auth', key: `auth/${value}`, state: 'missing' }
          : { what: 'acl', key: `address/${value}`, state: 'missing' },
      );
    else if (kind === 'secret') auths.push(value);
    else acls++;
  }
  for (const { target, key } of foreign)
    if (key.startsWith('auth/') || key.startsWith('acl/')) {
      differences.push({ what: key.startsWith('auth/') ? 'auth' : 'acl', key, state: 'extra' });
      notes.push(`${key} was put into ${target} by somebody else: left alone`);
    }
  const { accounts, keys: count, revoked } = found;
  return { accounts, keys: count, revoked, auths, acls, differences, notes: [...found.notes, ...notes] };
}
