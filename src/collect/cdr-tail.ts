import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { InputError, messageOf } from '../errors.ts';
import type { CallRecord, Millis } from '../model.ts';
import type { Zone } from '../time.ts';
import { CdrReader } from '../wire/cdr.ts';
import type { CdrItem } from '../wire/cdr.ts';
import { left, MARK_BYTES, mark, packFingerprint, readFingerprint } from './cdr-position.ts';
import type { CdrPosition } from './cdr-position.ts';

/** A row that is none. */
export interface CdrRefusal {
  readonly reason: string;
  readonly file: string;
  /** byte in that file */
  readonly offset: number;
}

/** Rows in the order of the file, and the place up to which these and all before them go. */
export interface CdrBatch {
  readonly records: readonly CallRecord[];
  readonly refused: readonly CdrRefusal[];
  /** records that are lost to us, in words; null: none */
  readonly gap: string | null;
  /** to be stored in one transaction with what `records` led to */
  readonly position: CdrPosition;
}

export interface CdrTimes {
  /** the site's zone, for `utc: false` */
  readonly zone: Zone;
  /** cdr.conf usegmtime */
  readonly utc: boolean;
}

const NONE = Buffer.alloc(0);

/** Opens a regular file for reading. null: there is none. @throws InputError */
export function openCdr(path: string): number | null {
  let fd: number;
  try {
    // without O_NONBLOCK a FIFO of that name would hang us
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    const hint =
      code === 'EACCES'
        ? '; let the user that ringfence runs as read it (for example: adduser ringfence asterisk)'
        : '';
    throw new InputError('input-unreadable', `${path} cannot be read: ${messageOf(error)}${hint}`, { cause: error });
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new InputError('input-unreadable', `${path} is not a file: name Asterisk's Master.csv`);
}

/** One file of call records, read from a place to wherever it ends now. It may be renamed or truncated under us. */
export class CdrTail {
  readonly file: string;
  readonly device: string;
  readonly inode: string;
  /** up to where the file before this one was told; null: there was none */
  readonly #previous: CdrPosition | null;
  readonly #before: string;
  /** end of the last record told, for the hour that a clock shows twice */
  lastEnd: Millis | undefined;
  readonly #path: string;
  readonly #fd: number;
  readonly #chunkBytes: number;
  #chunk: Buffer = NONE;
  readonly #reader: CdrReader;
  /** raw bytes read; the reader may hold back those of a line that is not whole */
  #read: number;
  /** the bytes before `#read`: they are read again each time, which shows that it is still the same file */
  #seam: Buffer;
  #offset: number;
  /** the file's first bytes as far as they were read, MARK_BYTES at the most */
  #head: Buffer;
  #last: string;

  private constructor(path: string, file: string, fd: number, chunkBytes: number, times: CdrTimes, at: Place) {
    const stat = fstatSync(fd, { bigint: true });
    this.#path = path;
    this.file = file;
    this.device = String(stat.dev);
    this.inode = String(stat.ino);
    this.#previous = at.previous ?? null;
    this.#before = at.before ?? this.#previous?.inode ?? '';
    this.lastEnd = at.lastEnd;
    this.#fd = fd;
    this.#chunkBytes = chunkBytes;
    this.#reader = new CdrReader({
      ...times,
      startOffset: at.offset,
      ...(at.lastEnd === undefined ? {} : { lastEnd: at.lastEnd }),
      ...(at.columns === null ? {} : { columns: at.columns }),
    });
    this.#read = at.offset;
    this.#offset = at.offset;
    this.#seam = at.seam;
    this.#head = at.head;
    this.#last = mark(at.seam);
  }

  /** Reads `file` from its beginning, after the file of `previous`. Takes the descriptor over. */
  static begin(
    path: string,
    file: string,
    fd: number,
    chunkBytes: number,
    times: CdrTimes,
    previous: Previous,
  ): CdrTail {
    const start = { offset: 0, seam: NONE, head: NONE, columns: null };
    const { position, lastEnd } = previous;
    return new CdrTail(path, file, fd, chunkBytes, times, { ...start, lastEnd, previous: position && left(position) });
  }

  /** Goes on in `file` where `position` says, if it is the same file or a copy of it. null: it is neither. Takes the descriptor over. */
  static resume(file: string, fd: number, chunkBytes: number, times: CdrTimes, position: CdrPosition): CdrTail | null {
    const place = placeIn(fd, position, times);
    if (place !== null) return new CdrTail(position.path, file, fd, chunkBytes, times, place);
    closeSync(fd);
    return null;
  }

  /** Starts behind the last whole line that `file` holds now. */
  static atEnd(path: string, file: string, fd: number, chunkBytes: number, times: CdrTimes): CdrTail {
    const size = fstatSync(fd).size;
    const end = bytesAt(fd, Math.max(0, size - LOOK_BACK), Math.min(size, LOOK_BACK));
    const offset = size - end.length + end.lastIndexOf(0x0a) + 1;
    const seam = bytesAt(fd, Math.max(0, offset - MARK_BYTES), Math.min(offset, MARK_BYTES));
    const head = bytesAt(fd, 0, Math.min(offset, MARK_BYTES));
    return new CdrTail(path, file, fd, chunkBytes, times, { ...context(fd, offset, times), offset, seam, head });
  }

  /** Up to where everything has been told. While nothing of this file has, that is in the file before; null: there was none. */
  get position(): CdrPosition | null {
    if (this.#offset === 0) return this.#previous;
    const first = mark(this.#head.subarray(0, this.#offset));
    const head = packFingerprint({
      first,
      last: this.#last,
      modified: this.modified,
      before: this.#before,
      isDone: false,
    });
    return { path: this.#path, device: this.device, inode: this.inode, offset: this.#offset, head };
  }

  /** st_mtime, ms */
  get modified(): Millis {
    return fstatSync(this.#fd).mtimeMs;
  }

  /**
   * The next rows. `end`: there are no more now; `changed`: what was read is not there any longer, the file was truncated
   * or written anew. Rows are judged by what was read in the same call as proof that the file is the same.
   */
  next(): { readonly items: readonly CdrItem[] } | 'end' | 'changed' {
    if (this.#chunk.length === 0) this.#chunk = Buffer.allocUnsafeSlow(MARK_BYTES + this.#chunkBytes);
    const proof = this.#seam.length;
    const count = readSync(this.#fd, this.#chunk, 0, proof + this.#chunkBytes, this.#read - proof);
    if (count < proof || this.#chunk.compare(this.#seam, 0, proof, 0, proof) !== 0) return 'changed';
    if (count === proof) return 'end';
    const begins = this.#read - proof;
    const missing = MARK_BYTES - this.#head.length;
    if (missing > 0)
      this.#head = Buffer.concat([this.#head, this.#chunk.subarray(proof, Math.min(count, proof + missing))]);
    const items = this.#reader.push(this.#chunk.subarray(proof, count));
    this.#read = begins + count;
    this.#advance(begins);
    this.#seam = Buffer.from(this.#chunk.subarray(Math.max(0, count - MARK_BYTES), count));
    this.#noteEnd(items);
    return { items };
  }

  /** The file will not grow any more: a last line without its line end counts, whole or torn. */
  finish(): readonly CdrItem[] {
    const items = this.#reader.end();
    if (this.#offset < this.#read) {
      this.#offset = this.#read;
      this.#last = mark(this.#seam);
    }
    this.#noteEnd(items);
    return items;
  }

  /** Nothing has been read of it. */
  get isUntouched(): boolean {
    return this.#read === 0;
  }

  get isEmpty(): boolean {
    return fstatSync(this.#fd).size === 0;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Takes the reader's place over; the chunk holds the file's bytes from `begins` on. */
  #advance(begins: number): void {
    const offset = this.#reader.position;
    if (offset === this.#offset) return;
    const length = Math.min(offset, MARK_BYTES);
    const before = offset - length - begins;
    this.#last = mark(
      before >= 0 ? this.#chunk.subarray(before, before + length) : bytesAt(this.#fd, offset - length, length),
    );
    this.#offset = offset;
  }

  #noteEnd(items: readonly CdrItem[]): void {
    for (let i = items.length - 1; i >= 0; i--) {
      const item = items[i];
      if (item?.ok !== true) continue;
      this.lastEnd = item.record.end;
      return;
    }
  }
}

interface Place {
  readonly offset: number;
  readonly seam: Buffer;
  readonly head: Buffer;
  readonly columns: readonly string[] | null;
  readonly lastEnd: Millis | undefined;
  readonly previous?: CdrPosition | null;
  readonly before?: string;
}

/** What was read before a file is begun. */
export interface Previous {
  readonly position: CdrPosition | null;
  readonly lastEnd: Millis | undefined;
}

/** A header line is the first line. */
const HEADER_BYTES = 4_096;
/** Enough to hold the longest row there is. */
const LOOK_BACK = 65_536;

function placeIn(fd: number, position: CdrPosition, times: CdrTimes): Place | null {
  const { offset } = position;
  if (offset <= 0) return null;
  const { first, last, before } = readFingerprint(position.head);
  const length = Math.min(offset, MARK_BYTES);
  const seam = bytesAt(fd, offset - length, length);
  const head = bytesAt(fd, 0, length);
  if (seam.length < length || mark(seam) !== last || mark(head) !== first) return null;
  return { ...context(fd, offset, times), offset, seam, head, before };
}

/** What a reader that began at the file's beginning would know at `offset`: a header line, and the last record's end. */
function context(fd: number, offset: number, times: CdrTimes): Pick<Place, 'columns' | 'lastEnd'> {
  if (offset === 0) return { columns: null, lastEnd: undefined };
  const top = new CdrReader(times);
  top.push(bytesAt(fd, 0, Math.min(offset, HEADER_BYTES)));
  const { columns } = top;
  if (times.utc) return { columns, lastEnd: undefined };
  const from = Math.max(0, offset - LOOK_BACK);
  const before = new CdrReader({ ...times, startOffset: from, ...(columns === null ? {} : { columns }) });
  const records = before.push(bytesAt(fd, from, offset - from)).filter((item) => item.ok);
  return { columns, lastEnd: records.at(-1)?.record.end };
}

/** `length` bytes from `at` on, or as many as there are. */
function bytesAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, bytes, filled, length - filled, at + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
