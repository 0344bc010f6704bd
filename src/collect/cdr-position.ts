import { createHash } from 'node:crypto';

/**
 * A place in the call records, as it is kept in the store together with what was judged from everything before it. A file
 * is known by its inode and by what stands in it, for inodes are used again, and log rotation copies and renames.
 */
export interface CdrPosition {
  /** the path in the settings; the file itself may have been renamed since */
  readonly path: string;
  /** st_dev and st_ino in decimal */
  readonly device: string;
  readonly inode: string;
  /** bytes from the start, more than none; the beginning of a line, or the end of a file that was left */
  readonly offset: number;
  /** fingerprint of the file's first bytes and of those before `offset`, and the file's age; see `Fingerprint` */
  readonly head: string;
}

/** Bytes at the beginning of a file, and before an offset, that make it known. */
export const MARK_BYTES = 256;

export interface Fingerprint {
  /** hash of the first bytes, as many as lie before the offset, MARK_BYTES at the most */
  readonly first: string;
  /** hash of the bytes before the offset, MARK_BYTES at the most */
  readonly last: string;
  /** st_mtime when it was read, in ms: tells older files from younger ones when this one is gone */
  readonly modified: number;
  /** inode of the file that was read before it, '' if none: their times may be the same */
  readonly before: string;
  /** was read to its end and left for the next one, of which nothing has been read yet */
  readonly isDone: boolean;
}

export const mark = (bytes: Uint8Array): string =>
  bytes.length === 0 ? '' : createHash('sha256').update(bytes).digest('hex').slice(0, 24);

export const packFingerprint = (f: Fingerprint): string =>
  `${f.first}.${f.last}.${Math.floor(f.modified)}.${f.before}${f.isDone ? '.done' : ''}`;

/** The same place, its file left for good. */
export const left = (position: CdrPosition): CdrPosition => ({
  ...position,
  head: packFingerprint({ ...readFingerprint(position.head), isDone: true }),
});

/** What does not read as a fingerprint fits no file. */
export function readFingerprint(head: string): Fingerprint {
  const [first = '?', last = '?', modified = '0', before = '', done] = head.split('.');
  return { first, last, modified: Number(modified) || 0, before, isDone: done === 'done' };
}
