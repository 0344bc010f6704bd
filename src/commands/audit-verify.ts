import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { InputError, messageOf, RingfenceError } from '../errors.ts';
import {
  ChainCheck,
  GENESIS,
  headText,
  readHead,
  recordOf,
  type AuditHead,
  type AuditRecord,
  type AuditRow,
  type Store,
} from '../store/index.ts';
import { trailAfter } from './audit-export.ts';
import { keysOfStore, readKeys, Seals, type Keys } from './audit-seals.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

interface VerifyOptions {
  readonly head?: string;
  readonly remember?: string;
  readonly key?: readonly string[];
}

/** `ringfence audit verify [FILE]`: 0 unbroken, 1 an edit, a gap or a cut and where, 2 it could not be told. */
export default function auditVerify(
  [file]: readonly (string | undefined)[],
  options: VerifyOptions & GlobalOptions,
  output: Output,
): number {
  const remembered = rememberedHead(options);
  const keys = readKeys(options.key ?? []);
  let trail: Trail;
  if (file === undefined) {
    const store = storeOf(readConfig(options, output), { create: false });
    try {
      trail = storeTrail(store, remembered, options.key === undefined ? null : keys);
    } finally {
      store.close();
    }
  } else trail = checkFile(file, remembered, keys);
  const { check } = trail;
  if (check.problems.length === 0 && options.remember !== undefined) remember(options.remember, check.head);
  return tell(trail, output);
}

interface Trail {
  readonly check: ChainCheck;
  /** where the purge has left it */
  readonly checkpoint: AuditHead | null;
  readonly seals: Seals;
  readonly notes: readonly string[];
  /** the keys are those that the store itself names */
  readonly own?: boolean;
}

/** `keys` null: those that the gateway has and had, as the store says. */
function storeTrail(store: Store, remembered: AuditHead | null, keys: Keys | null): Trail {
  if (keys !== null) return checkStore(store, remembered, keys);
  return { ...checkStore(store, remembered, keysOfStore(store)), own: true };
}

function checkStore(store: Store, remembered: AuditHead | null, keys: Keys): Trail {
  for (;;) {
    const checkpoint = store.audit.checkpoint();
    const check = new ChainCheck(checkpoint ?? GENESIS, remembered);
    const seals = new Seals(check, keys);
    const notes = olderThan(remembered, checkpoint);
    let explained = checkpoint === null;
    for (const row of trailAfter(store, checkpoint?.seq ?? 0)) {
      const record = takeRow(check, seals, row);
      if (record?.action !== 'audit.purged') continue;
      if (record.details['through'] === checkpoint?.seq && record.details['hash'] === checkpoint?.hash)
        explained = true;
    }
    // the daemon purged meanwhile: what is to be read has another beginning now
    if (store.audit.checkpoint()?.seq !== checkpoint?.seq) continue;
    const { seq } = checkpoint ?? GENESIS;
    if (!explained) check.problem(seq + 1, 'purge', `records 1 to ${seq} are gone, and no record of a purge says so`);
    const unguarded = store.audit.unguarded();
    if (unguarded.length > 0)
      check.problem(
        check.head.seq,
        'unguarded',
        `the store no longer refuses edits: ${unguarded.join(', ')} is gone or another`,
      );
    check.finish();
    return { check, checkpoint, seals, notes };
  }
}

function olderThan(remembered: AuditHead | null, checkpoint: AuditHead | null): string[] {
  if (remembered === null || checkpoint === null || remembered.seq > checkpoint.seq) return [];
  return [
    `the remembered head is record ${remembered.seq}, and all up to record ${checkpoint.seq} was purged by [audit] trail_keep`,
  ];
}

function takeRow(check: ChainCheck, seals: Seals, row: AuditRow): AuditRecord | null {
  const record = recordOf(row);
  check.take(record ?? { unreadable: row });
  if (record !== null) seals.take(record);
  return record;
}

/** An exported file; it may begin in the middle. */
function checkFile(file: string, remembered: AuditHead | null, keys: Keys): Trail {
  const check = new ChainCheck(null, remembered);
  const seals = new Seals(check, keys);
  const lines = readText(file)
    .split('\n')
    .filter((text) => text.trim() !== '');
  for (const [i, text] of lines.entries()) {
    const record = exported(text);
    if (record === null && i === 0)
      throw new InputError(
        'input-malformed',
        `${file}: line 1 is no record of an audit trail (audit export --format json)`,
      );
    if (record === null) {
      check.problem(check.head.seq + 1, 'edited', `line ${i + 1} is no record any more`);
      continue;
    }
    check.take(record);
    seals.take(record);
  }
  check.finish();
  return { check, checkpoint: null, seals, notes: [] };
}

function exported(text: string): AuditRecord | null {
  try {
    const record = JSON.parse(text) as Partial<AuditRecord> | null;
    const { seq, hash, previous, details, evidence } = record ?? {};
    const isRecord =
      Number.isSafeInteger(seq) && typeof hash === 'string' && typeof previous === 'string' && Array.isArray(evidence);
    return isRecord && typeof details === 'object' ? (record as AuditRecord) : null;
  } catch {
    return null;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new InputError('input-unreadable', `cannot read ${file}: ${messageOf(error)}`);
  }
}

function rememberedHead({ head, remember: file }: VerifyOptions): AuditHead | null {
  if (head !== undefined && file !== undefined)
    throw new RingfenceError('usage', '--head and --remember are two ways to say the same: use one');
  const text = head ?? (file !== undefined && existsSync(file) ? readText(file) : null);
  if (text === null) return null;
  const read = readHead(text);
  if (read === null)
    throw new RingfenceError(
      'usage',
      `"${text.trim().slice(0, 80)}" is no head: it looks like 17:${'0'.repeat(8)}… (64 hex digits)`,
    );
  return read;
}

function remember(file: string, head: AuditHead): void {
  try {
    writeFileSync(`${file}.new`, `${headText(head)}\n`, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  } catch (error) {
    throw new RingfenceError('input-unreadable', `cannot write ${file}: ${messageOf(error)}`);
  }
}

function tell({ check, checkpoint, seals, notes, own }: Trail, output: Output): number {
  const isUnbroken = check.problems.length === 0;
  const { checked, unchecked, through } = seals;
  if (output.json)
    output.object({
      ...{ unbroken: isUnbroken, records: check.records, head: headText(check.head) },
      ...{ purgedThrough: checkpoint?.seq ?? 0, seals: { checked, unchecked, through }, problems: check.problems },
    });
  else if (isUnbroken) {
    output.result(
      `The audit trail is unbroken: ${check.records} records${checkpoint === null ? '' : ` after ${checkpoint.seq} that were purged`}.`,
    );
    if (checked + unchecked > 0)
      output.result(
        `Signatures: ${checked} right, up to record ${through}${own === true && checked > 0 ? ', by the key that the store names' : ''}` +
          (unchecked === 0 ? '.' : `; ${unchecked} not checked (give their key with --key).`),
      );
    output.result(`Head: ${headText(check.head)}`);
  } else for (const { seq, kind, message } of check.problems) output.result(`record ${seq}: ${kind}: ${message}`);
  for (const note of notes) output.note(`ringfence: ${note}`);
  if (!isUnbroken) output.warn('ringfence: THE AUDIT TRAIL IS BROKEN; the first line says where');
  return isUnbroken ? EXIT.done : EXIT.found;
}
