import type { CallRecord } from '../model.ts';
import type { CdrItem } from '../wire/cdr.ts';
import { left, readFingerprint } from './cdr-position.ts';
import type { CdrPosition } from './cdr-position.ts';
import { CdrRotation } from './cdr-rotation.ts';
import type { CdrBatch, CdrRefusal, CdrTail, CdrTimes } from './cdr-tail.ts';

export interface CdrFileOptions extends CdrTimes {
  /** Master.csv */
  readonly path: string;
  /** where to go on; null: at the beginning. One of another path is not used */
  readonly position: CdrPosition | null;
}

/**
 * Goes through the records from a position on, from file to file as rotation made them. Waits for nothing.
 *
 * A file of which nothing has been read is not held open from one call to the next: there is nothing by which to see that
 * it was emptied in between. So a new file is found and its first bytes are read in one go, and until then the place is the
 * end of the file before.
 */
export class CdrWalk {
  readonly #rotation: CdrRotation;
  #position: CdrPosition | null;
  #fromEnd: boolean;
  #tail: CdrTail | null = null;
  /** what is lost before the file that is read; told with its first records */
  #gap: string | null = null;

  constructor(options: CdrFileOptions, chunkBytes: number, fromEnd = false) {
    this.#rotation = new CdrRotation(options.path, options, chunkBytes);
    this.#position = options.position?.path === options.path ? options.position : null;
    this.#fromEnd = fromEnd && this.#position === null;
  }

  get tail(): CdrTail | null {
    return this.#tail;
  }

  /**
   * The next batch; `end`: there is no more now; `away`: no more, and the file is not at the path any longer (see `leave`);
   * `none`: there is no file. @throws InputError
   */
  next(): CdrBatch | 'end' | 'away' | 'none' {
    for (;;) {
      if (this.#tail === null) {
        const instead = this.#open();
        if (instead !== null) return instead;
        continue;
      }
      const next = this.#tail.next();
      if (next === 'changed') {
        this.close(); // where it goes on, the position tells
      } else if (next === 'end') {
        const isHere = this.#rotation.inode() === this.#tail.inode;
        if (!this.#tail.isUntouched) return isHere ? 'end' : 'away';
        this.close();
        return 'end';
      } else {
        const told = this.#told(this.#tail, next.items);
        if (told !== null) return told;
      }
    }
  }

  /**
   * Leaves a file that is `away`; its last line counts then, whole or not. `end`: there is no file after it yet, or nothing
   * in it. @throws InputError
   */
  leave(): CdrBatch | 'end' {
    const tail = this.#tail;
    if (tail === null || !this.#hasSuccessor(tail)) return 'end';
    // what was written since it was at its end
    const rest = tail.next();
    if (typeof rest === 'object') return this.#told(tail, rest.items) ?? 'end';
    const told = this.#told(tail, rest === 'end' ? tail.finish() : []);
    this.close();
    if (told === null) return 'end';
    this.#position = left(told.position);
    return { ...told, position: this.#position };
  }

  close(): void {
    this.#tail?.close();
    this.#tail = null;
  }

  #hasSuccessor(tail: CdrTail): boolean {
    const found = this.#rotation.successor(tail).tail;
    const has = found !== null && !found.isEmpty;
    found?.close();
    return has;
  }

  /** null: a file is open now */
  #open(): CdrBatch | 'end' | 'none' | null {
    const position = this.#position;
    if (position === null) return this.#openFirst();
    const found = this.#rotation.locate(position);
    this.#tail = found.tail;
    const { isDone } = readFingerprint(position.head);
    if (found.isSame && !isDone) return null;
    if (!isDone) {
      this.close();
      this.#position = left(position);
      return { records: [], refused: [], gap: found.gap, position: this.#position };
    }
    this.#gap = found.gap;
    if (found.isSame && found.tail !== null) {
      const after = this.#rotation.successor(found.tail);
      found.tail.close();
      this.#tail = after.tail;
      this.#gap = after.gap;
    }
    return this.#tail === null ? 'none' : null;
  }

  #openFirst(): CdrBatch | 'none' | null {
    const fromEnd = this.#fromEnd;
    this.#fromEnd = false;
    this.#tail = fromEnd ? this.#rotation.mainAtEnd() : this.#rotation.main();
    if (this.#tail === null) return 'none';
    return fromEnd ? this.#told(this.#tail, []) : null;
  }

  /** null: nothing of any file has ever been told, so that there is no place to keep. */
  #told(tail: CdrTail, items: readonly CdrItem[]): CdrBatch | null {
    const records: CallRecord[] = [];
    const refused: CdrRefusal[] = [];
    for (const item of items) {
      if (item.ok) records.push(item.record);
      else refused.push({ reason: item.reason, file: tail.file, offset: item.offset });
    }
    const { position } = tail;
    if (position === null) return null;
    this.#position = position;
    const gap = this.#gap;
    this.#gap = null;
    return { records, refused, gap, position };
  }
}
