import { closeSync, fstatSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Millis } from '../model.ts';
import { MARK_BYTES, mark, readFingerprint } from './cdr-position.ts';
import type { CdrPosition } from './cdr-position.ts';
import { CdrTail, openCdr } from './cdr-tail.ts';
import type { CdrTimes, Previous } from './cdr-tail.ts';

/** A file that log rotation made of Master.csv. */
interface Rotated {
  readonly file: string;
  readonly name: string;
  readonly inode: string;
  readonly size: number;
  readonly modified: Millis;
  /** st_ctime: a rename is a change */
  readonly changed: Millis;
  readonly compressed: boolean;
  /** how the name tells age: `.3` is older than `.2`, `-20261121` older than `-20261122`; other names tell nothing */
  readonly style: 'number' | 'date' | 'other';
  /** within a style: higher is younger */
  readonly age: bigint;
}

/** Where to read on, and what is lost on the way there. `tail` null: there is no file (yet). */
export interface Found {
  readonly tail: CdrTail | null;
  readonly gap: string | null;
  /** it is the file that was looked for, or a copy, not one after it */
  readonly isSame: boolean;
}

const NOTHING: Previous = { position: null, lastEnd: undefined };

/** An empty file that was renamed just now may be about to get the record for which it was opened. */
const JUST_NOW: Millis = 200;

const COMPRESSED = /\.(?:gz|xz|bz2|zst|lz4|lzo|Z)$/;

function styleOf(suffix: string): Pick<Rotated, 'style' | 'age'> {
  const number = /^\.(\d{1,4})$/.exec(suffix);
  if (number !== null) return { style: 'number', age: -BigInt(number[1] ?? '0') };
  if (/^[-._]\d{8}[-_.T\d]{0,20}$/.test(suffix)) {
    return { style: 'date', age: BigInt(suffix.replaceAll(/\D/g, '').padEnd(24, '0').slice(0, 24)) };
  }
  return { style: 'other', age: 0n };
}

/** Finds the way from file to file through log rotation: rename, copy and truncate, dated or numbered names. */
export class CdrRotation {
  readonly path: string;
  readonly #times: CdrTimes;
  readonly #chunkBytes: number;

  constructor(path: string, times: CdrTimes, chunkBytes: number) {
    this.path = path;
    this.#times = times;
    this.#chunkBytes = chunkBytes;
  }

  /** Inode that the path leads to now; null: no file. */
  inode(): string | null {
    try {
      return String(statSync(this.path, { bigint: true }).ino);
    } catch {
      return null;
    }
  }

  /** The path's own file from its beginning. null: there is none. @throws InputError */
  main(previous: Previous = NOTHING): CdrTail | null {
    const fd = openCdr(this.path);
    return fd === null ? null : CdrTail.begin(this.path, this.path, fd, this.#chunkBytes, this.#times, previous);
  }

  /** The path's own file from where it ends now. null: there is none. @throws InputError */
  mainAtEnd(): CdrTail | null {
    const fd = openCdr(this.path);
    return fd === null ? null : CdrTail.atEnd(this.path, this.path, fd, this.#chunkBytes, this.#times);
  }

  /**
   * Finds the file that a position is in: under its own name, under the name that a rotation gave it, or as a copy of which
   * the original was truncated; in this order. If there is none, reading goes on in the oldest file that is younger.
   * @throws InputError when the path's own file cannot be read
   */
  locate(position: CdrPosition): Found {
    // while names are being shifted a file may be missed between listing and opening
    for (let tries = 0; tries < 3; tries++) {
      const tail = this.#same(position);
      if (tail !== null) return { tail, gap: null, isSame: true };
    }
    return this.#lost(position);
  }

  /** The file of a position, or a copy. null: there is none. */
  #same(position: CdrPosition): CdrTail | null {
    const main = openCdr(this.path);
    const isMain = main !== null && String(fstatSync(main, { bigint: true }).ino) === position.inode;
    const here = main === null ? null : CdrTail.resume(this.path, main, this.#chunkBytes, this.#times, position);
    if (here !== null && isMain) return here;
    const rotated = this.#rotated();
    const isSame = (one: Rotated): boolean => one.inode === position.inode;
    // the same inode first, then copies, the longest first: the one that was made last has the most records
    rotated.sort((a, b) => Number(isSame(b)) - Number(isSame(a)) || b.size - a.size);
    for (const one of rotated) {
      if (one.compressed || one.size < position.offset) continue;
      const tail = this.#resume(one.file, position);
      if (tail === null) continue;
      here?.close();
      return tail;
    }
    return here;
  }

  /** The file that comes after `tail`, which is at its end and not at the path any longer, or was truncated. @throws InputError */
  successor(tail: CdrTail): Found {
    let found = this.#after(tail);
    for (let tries = 0; tries < 5; tries++) {
      // a rotation between listing and opening would make us leave a file out: it is right once it comes out the same twice
      const again = this.#after(tail);
      const isSame = again.tail?.inode === found.tail?.inode;
      found.tail?.close();
      found = again;
      if (isSame) break;
    }
    return found;
  }

  #after(tail: CdrTail): Found {
    const rotated = this.#rotated().sort(byAge);
    const at = rotated.findIndex((one) => one.inode === tail.inode && one.style !== 'other');
    const { modified, position, lastEnd } = tail;
    const younger = at >= 0 ? rotated.slice(at + 1) : rotated.filter((one) => one.modified > modified);
    return this.#oldest(younger, { position, lastEnd });
  }

  /** The file of a position is gone. */
  #lost(position: CdrPosition): Found {
    const { modified, before, isDone } = readFingerprint(position.head);
    const younger = this.#rotated()
      .sort(byAge)
      // compressing keeps the time: a file that was read to its end is not missed when it is the one that was compressed
      .filter((one) => {
        const time = Math.floor(one.modified);
        return time > modified || (time === modified && one.inode !== before && !(isDone && one.compressed));
      });
    const found = this.#oldest(younger, { position, lastEnd: undefined });
    if (isDone) return found;
    const why = found.gap ?? 'the file was truncated or removed, and no rotated copy of it is left';
    return {
      tail: found.tail,
      gap: `records of ${this.path} after byte ${position.offset} may be lost: ${why}`,
      isSame: false,
    };
  }

  /** The first of these files that can be read, or the path's own. What was compressed in between is a gap. */
  #oldest(younger: readonly Rotated[], previous: Previous): Found {
    const unread: string[] = [];
    const gap = (): string | null =>
      unread.length === 0 ? null : `${unread.join(', ')} is compressed: unpack it and judge it by "ringfence replay"`;
    for (const one of younger) {
      if (one.style === 'other' || (one.size === 0 && Date.now() - one.changed > JUST_NOW)) continue;
      if (one.compressed) {
        unread.push(one.name);
        continue;
      }
      const fd = this.#open(one.file);
      if (fd === null) continue;
      if (isCopy(fd, previous.position)) closeSync(fd);
      else
        return {
          tail: CdrTail.begin(this.path, one.file, fd, this.#chunkBytes, this.#times, previous),
          gap: gap(),
          isSame: false,
        };
    }
    return { tail: this.main(previous), gap: gap(), isSame: false };
  }

  #resume(file: string, position: CdrPosition): CdrTail | null {
    const fd = this.#open(file);
    return fd === null ? null : CdrTail.resume(file, fd, this.#chunkBytes, this.#times, position);
  }

  /** A rotated file that we may not read is no reason to stop reading the others. */
  #open(file: string): number | null {
    try {
      return openCdr(file);
    } catch {
      return null;
    }
  }

  #rotated(): Rotated[] {
    const folder = dirname(this.path);
    const base = basename(this.path);
    let names: string[];
    try {
      names = readdirSync(folder);
    } catch {
      return [];
    }
    return names.flatMap((name) => {
      if (!name.startsWith(base) || name === base) return [];
      const file = join(folder, name);
      try {
        const stat = statSync(file, { bigint: true });
        if (!stat.isFile()) return [];
        const compressed = COMPRESSED.test(name);
        const suffix = name.slice(base.length).replace(COMPRESSED, '');
        const modified = Number(stat.mtimeNs / 1000n) / 1000;
        const changed = Number(stat.ctimeMs);
        return [
          {
            file,
            name,
            inode: String(stat.ino),
            size: Number(stat.size),
            modified,
            changed,
            compressed,
            ...styleOf(suffix),
          },
        ];
      } catch {
        return []; // renamed since it was listed
      }
    });
  }
}

/** Oldest first. Names tell the order if they are of one style; their times do otherwise. */
function byAge(a: Rotated, b: Rotated): number {
  if (a.style !== b.style || a.style === 'other') return a.modified - b.modified;
  return a.age < b.age ? -1 : a.age > b.age ? 1 : 0;
}

/** Does the file begin like the one that the position is in? Then its records have been told. */
function isCopy(fd: number, position: CdrPosition | null): boolean {
  if (position === null) return false;
  const length = Math.min(position.offset, MARK_BYTES);
  const bytes = Buffer.alloc(length);
  const count = readSync(fd, bytes, 0, length, 0);
  return count === length && mark(bytes) === readFingerprint(position.head).first;
}
