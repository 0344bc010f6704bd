import { createHash } from 'node:crypto';
import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import type { AmiSession } from './ami.ts';
import { applyKeys, readTree, type AstDbChange } from './astdb.ts';

/**
 * Public keys in AstDB, as docs/astdb.md describes them: a copy for an admin's dialplan and tools, never read for trust.
 *
 *   pubkey/<account>/current               name of the version that counts: written last, so a push takes effect at once or not
 *   pubkey/<account>/former                of the one before it, while both keys are good
 *   pubkey/<account>/<version>/kid         SHA-256 of the SPKI, hex
 *   pubkey/<account>/<version>/until       not-after, epoch seconds
 *   pubkey/<account>/<version>/spki/0 …    SPKI, DER, base64 in pieces
 *   pubkey/<account>/<version>/cert/0 …    its certificate likewise, if there is one
 *   pubkey/<account>/<version>/digest      `<pieces of spki>-<pieces of cert>-<SHA-256 of both, hex>`
 *   revoked/<kid>                          when it was revoked, epoch seconds
 */
export interface PublicKey {
  /** as keys of AstDB have it: without / and what a dialplan would read otherwise (guard-names.ts) */
  readonly account: string;
  /** SHA-256 of the SPKI DER, hex */
  readonly kid: string;
  /** DER */
  readonly spki: Buffer;
  /** DER; null: the bare key */
  readonly certificate: Buffer | null;
  readonly notAfter: Millis;
  /** grows with each certificate of the account */
  readonly version: number;
}

export interface WantedKeys {
  /** of each account one or two, the younger last */
  readonly keys: readonly PublicKey[];
  /** kid, hex -> since when */
  readonly revoked: ReadonlyMap<string, Millis>;
}

/** A value of AstDB: with its name an AMI line stays far below 1018 bytes. */
const PIECE = 900;
const BRANCHES = ['pubkey', 'revoked'] as const;

const piecesOf = (der: Buffer): string[] => der.toString('base64').match(new RegExp(`.{1,${PIECE}}`, 'g')) ?? [];

/**
 * Name of a version: its number, and what it holds. Other content never has the name of what stands, so what is in force is
 * never overwritten piece by piece.
 */
export function versionOf({ version, spki, certificate, notAfter }: PublicKey): string {
  const content = createHash('sha256')
    .update(spki)
    .update(certificate ?? '')
    .update(String(Math.floor(notAfter / 1000)));
  return `${version}-${content.digest('hex').slice(0, 16)}`;
}

/** Everything that makes one version, by key of AstDB without the family. */
export function versionRows(key: PublicKey): Map<string, string> {
  const at = `pubkey/${key.account}/${versionOf(key)}`;
  const spki = piecesOf(key.spki);
  const cert = key.certificate === null ? [] : piecesOf(key.certificate);
  const sum = createHash('sha256')
    .update(key.spki)
    .update(key.certificate ?? '')
    .digest('hex');
  return new Map([
    ...spki.map((piece, i): [string, string] => [`${at}/spki/${i}`, piece]),
    ...cert.map((piece, i): [string, string] => [`${at}/cert/${i}`, piece]),
    [`${at}/kid`, key.kid],
    [`${at}/until`, String(Math.floor(key.notAfter / 1000))],
    [`${at}/digest`, `${spki.length}-${cert.length}-${sum}`],
  ]);
}

/** All rows that should stand: those of the versions, and the pointers that make them count. */
export interface WantedRows {
  readonly content: ReadonlyMap<string, string>;
  readonly pointers: ReadonlyMap<string, string>;
  readonly revoked: ReadonlyMap<string, string>;
}

export function rowsOf({ keys, revoked }: WantedKeys): WantedRows {
  const content = new Map<string, string>();
  const pointers = new Map<string, string>();
  for (const key of keys) {
    for (const [name, value] of versionRows(key)) content.set(name, value);
    const current = `pubkey/${key.account}/current`;
    const older = pointers.get(current);
    if (older !== undefined) pointers.set(`pubkey/${key.account}/former`, older);
    pointers.set(current, versionOf(key));
  }
  const times = [...revoked].map(([kid, at]): [string, string] => [`revoked/${kid}`, String(Math.floor(at / 1000))]);
  return { content, pointers, revoked: new Map(times) };
}

/** One row of the PBX that is not as the store has it. */
export interface KeyDifference {
  readonly key: string;
  /** `extra`: what the store knows nothing of; of revoked keys it stays, for nothing here takes a revocation back */
  readonly kind: 'missing' | 'different' | 'extra';
}

/** Compares what stands with what should. */
export function compareKeys(standing: ReadonlyMap<string, string>, wanted: WantedRows): KeyDifference[] {
  const all = new Map([...wanted.content, ...wanted.pointers, ...wanted.revoked]);
  const differences: KeyDifference[] = [];
  for (const [key, value] of all) {
    const found = standing.get(key);
    if (found !== value) differences.push({ key, kind: found === undefined ? 'missing' : 'different' });
  }
  for (const key of standing.keys()) if (!all.has(key)) differences.push({ key, kind: 'extra' });
  return differences;
}

/** What stands of keys now, byte for byte. @throws PeerError */
export async function readKeys(session: AmiSession): Promise<Map<string, string>> {
  const trees = await Promise.all(BRANCHES.map((branch) => readTree(session, branch)));
  return new Map(trees.flatMap((tree) => [...tree]));
}

export interface PublishOutcome {
  /** accounts whose version that counts is now another */
  readonly switched: readonly string[];
  /** accounts that have none any more */
  readonly withdrawn: readonly string[];
  /** kids that are now told as revoked */
  readonly revoked: readonly string[];
  /** rows of former versions, and of pushes that were cut short, that were deleted */
  readonly cleaned: number;
  /** what is still not as it should be */
  readonly left: readonly KeyDifference[];
}

const accountOf = (key: string): string => key.split('/')[1] ?? '';
const isPointer = (key: string): boolean => key.startsWith('pubkey/') && key.split('/').length === 3;

/** What of `wanted` does not stand so. */
const lacking = (standing: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): AstDbChange[] =>
  [...wanted].filter(([key, value]) => standing.get(key) !== value).map(([key, value]) => ({ key, value }));

/**
 * Makes AstDB hold the wanted keys. Each step is read back before the next begins: what was revoked, then what new versions
 * hold, then the pointers, and last the rows that nothing points to. Cut short anywhere, what counted before still counts, and the
 * next run goes on. `only`: these accounts alone (and all that was revoked).
 * DBPut is acknowledged before it is durable; an Asterisk that dies loses the last of them, never one of before.
 * @throws PeerError when Asterisk goes away or refuses
 */
export async function publishKeys(
  session: AmiSession,
  wanted: WantedKeys,
  only: ReadonlySet<string> | null = null,
): Promise<PublishOutcome> {
  const read = async (): Promise<Map<string, string>> => within(await readKeys(session), only);
  const all = rowsOf(wanted);
  const rows: WantedRows = { ...all, content: within(all.content, only), pointers: within(all.pointers, only) };
  const before = await read();
  if (toMend(before, rows).length === 0) return { switched: [], withdrawn: [], revoked: [], cleaned: 0, left: [] };
  const revoked = lacking(before, rows.revoked);
  await apply(session, revoked);
  await apply(session, lacking(before, rows.content));
  const written = await read();
  const broken = new Set(lacking(written, rows.content).map(({ key }) => accountOf(key)));
  const pointers = lacking(written, rows.pointers).filter(({ key }) => !broken.has(accountOf(key)));
  const outdated = [...written.keys()].filter((key) => isPointer(key) && !rows.pointers.has(key));
  // the younger key counts before the older is named as the former one
  const isCurrent = ({ key }: AstDbChange): number => (key.endsWith('/current') ? 0 : 1);
  for (const change of [...pointers].sort((a, b) => isCurrent(a) - isCurrent(b))) await apply(session, [change]);
  await apply(
    session,
    outdated.map((key) => ({ key, value: null })),
  );
  const pointed = await read();
  const unsure = new Set([...broken, ...lacking(pointed, rows.pointers).map(({ key }) => accountOf(key))]);
  const garbage = [...pointed.keys()].filter(
    (key) =>
      key.startsWith('pubkey/') && !rows.content.has(key) && !rows.pointers.has(key) && !unsure.has(accountOf(key)),
  );
  await apply(
    session,
    garbage.map((key) => ({ key, value: null })),
  );
  const accounts = (keys: readonly string[]): string[] => keys.filter((key) => key.endsWith('/current')).map(accountOf);
  return {
    switched: accounts(pointers.map(({ key }) => key)),
    withdrawn: accounts(outdated),
    revoked: revoked.map(({ key }) => key.slice('revoked/'.length)),
    cleaned: garbage.length,
    left: toMend(garbage.length === 0 ? pointed : await read(), rows),
  };
}

/** What belongs to these accounts, and what was revoked. */
function within(rows: ReadonlyMap<string, string>, only: ReadonlySet<string> | null): Map<string, string> {
  if (only === null) return new Map(rows);
  return new Map([...rows].filter(([key]) => !key.startsWith('pubkey/') || only.has(accountOf(key))));
}

/** All differences but revocations that the store does not know: nothing here takes one back. */
const toMend = (standing: ReadonlyMap<string, string>, rows: WantedRows): KeyDifference[] =>
  compareKeys(standing, rows).filter(({ key, kind }) => kind !== 'extra' || !key.startsWith('revoked/'));

async function apply(session: AmiSession, changes: readonly AstDbChange[]): Promise<void> {
  const outcomes = await applyKeys(session, changes);
  for (const [key, outcome] of outcomes)
    if (!outcome.ok)
      throw new PeerError(outcome.error.code, `${key}: ${outcome.error.message}`, outcome.error.retryable);
}
