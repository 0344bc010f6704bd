import { PeerError } from '../errors.ts';
import type { AmiMessage } from '../wire/ami.ts';
import { rightsHint, type AmiSession } from './ami.ts';

/** The one family of Asterisk's internal database that is ours; keys below are told without it: `address/203.0.113.7`. */
export const FAMILY = 'ringfence';

/** Family and key together; Asterisk 16 refuses more than about 250 bytes. */
const KEY_LIMIT = 240;
/** Asterisk 16's DBGet cuts a value at 255 bytes without a word; DBGetTree gives all of it. */
const DBGET_SAFE = 200;
/** Actions of one call of ours that are on their way at a time: the PBX answers others in between. */
const AT_ONCE = 64;

/** A key as it is to stand: `null` means that it is not to be there. */
export interface AstDbChange {
  readonly key: string;
  readonly value: string | null;
}

/** What the database holds after a change, read back; or why it could not be made. */
export type AstDbOutcome =
  { readonly ok: true; readonly standing: string | null } | { readonly ok: false; readonly error: PeerError };

/** The right to do it is missing, or what was asked cannot be done: Asterisk's words with a hint. */
const refusedBy = (name: string, key: string, answer: AmiMessage): PeerError => {
  const said = answer.get('Message') ?? answer.name;
  return new PeerError(
    'peer-refused',
    `Asterisk refuses ${name} of ${FAMILY}/${key}: ${said}${rightsHint(said)}`,
    false,
  );
};

function checkKey(key: string): void {
  if (key === '' || key.startsWith('/') || key.endsWith('/') || Buffer.byteLength(`/${FAMILY}/${key}`) > KEY_LIMIT)
    throw new PeerError('peer-protocol', `"${key}" cannot be a key of Asterisk's database`, false);
}

/** Puts one key of ours. Acknowledged is not durable: Asterisk commits in the background. @throws PeerError */
export async function putKey(session: AmiSession, key: string, value: string): Promise<void> {
  checkKey(key);
  const answer = await session.action('DBPut', [
    ['Family', FAMILY],
    ['Key', key],
    ['Val', value],
  ]);
  if (answer.name !== 'Success') throw refusedBy('DBPut', key, answer);
}

/**
 * Deletes one key of ours; one that is not there is as good as deleted. Key by key always: DBDelTree is an SQL LIKE that
 * takes `_` and `%` for wildcards and other families along. @throws PeerError
 */
export async function deleteKey(session: AmiSession, key: string): Promise<void> {
  checkKey(key);
  const answer = await session.action('DBDel', [
    ['Family', FAMILY],
    ['Key', key],
  ]);
  const absent = /could not be deleted|not found/i.test(answer.get('Message') ?? '');
  if (answer.name !== 'Success' && !absent) throw refusedBy('DBDel', key, answer);
}

/** What stands under one key of ours; null: nothing. `large`: the value may be longer than 200 bytes. @throws PeerError */
export async function readKey(session: AmiSession, key: string, large = false): Promise<string | null> {
  checkKey(key);
  const items = await session.list(large ? 'DBGetTree' : 'DBGet', [
    ['Family', FAMILY],
    ['Key', key],
  ]);
  for (const item of items) {
    const value = item.get('Val');
    if (value === null) continue;
    if (!large) return value;
    if (item.get('Key') === `/${FAMILY}/${key}`) return value;
  }
  return null;
}

/**
 * All keys of ours below `branch` (`address`, `acl`; '' is the whole family), without the family. What the LIKE inside
 * DBGetTree brings along of others is left out. @throws PeerError
 */
export async function readTree(session: AmiSession, branch = ''): Promise<Map<string, string>> {
  const items = await session.list('DBGetTree', [['Family', branch === '' ? FAMILY : `${FAMILY}/${branch}`]]);
  const prefix = `/${FAMILY}/`;
  const within = branch === '' ? prefix : `${prefix}${branch}/`;
  const found = new Map<string, string>();
  for (const item of items) {
    const key = item.get('Key') ?? '';
    if (key.startsWith(within)) found.set(key.slice(prefix.length), item.get('Val') ?? '');
  }
  return found;
}

/**
 * Makes all changes and reads each back, many on their way at a time. A failure of one is told as its outcome.
 * Changes of one key must not be given twice.
 */
export async function applyKeys(
  session: AmiSession,
  changes: readonly AstDbChange[],
): Promise<Map<string, AstDbOutcome>> {
  const outcomes = new Map<string, AstDbOutcome>();
  let next = 0;
  /** the session is lost or hangs: the rest would only wait for it, one time-out after the other */
  let lost: AstDbOutcome | null = null;
  const work = async (): Promise<void> => {
    for (let change = changes[next++]; change !== undefined; change = changes[next++]) {
      const outcome: AstDbOutcome = lost ?? (await applyKey(session, change));
      if (!outcome.ok && outcome.error.retryable) lost = outcome;
      outcomes.set(change.key, outcome);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, changes.length) }, work));
  return outcomes;
}

async function applyKey(session: AmiSession, { key, value }: AstDbChange): Promise<AstDbOutcome> {
  try {
    const large = value === null ? key.startsWith('acl/') : Buffer.byteLength(value) > DBGET_SAFE;
    // the question goes with the change: Asterisk does what one session asks in its order
    const [, standing] = await Promise.all([
      value === null ? deleteKey(session, key) : putKey(session, key, value),
      readKey(session, key, large),
    ]);
    return { ok: true, standing };
  } catch (error) {
    if (error instanceof PeerError) return { ok: false, error };
    throw error;
  }
}
