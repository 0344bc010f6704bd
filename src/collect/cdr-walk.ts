import type { CallRecord } from '../model.ts';
import type { CdrItem } from '../wire/cdr.ts';
import { left } from './cdr-position.ts';
import type { CdrPosition } from './cdr-position.ts';
import { CdrRotation } from './cdr-rotation.ts';
import type { Found } from './cdr-rotation.ts';
import type { CdrBatch, CdrRefusal, CdrTail, CdrTimes } from './cdr-tail.ts';

export interface CdrFileOptions extends CdrTimes {
  /** Master.csv */
  readonly path: string;
  /** where to go on; null: at the beginning. One of another path is not used */
  readonly position: CdrPosition | null;
}

/** Goes through the records from a position on, from file to file as rotation made them. Waits for nothing. */
export class CdrWalk {
  readonly #rotation: CdrRotation;
  #position: CdrPosition | null;
  #fromEnd: boolean;
  #tail: CdrTail | null = null;

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
        const opened = this.#open();
        if (opened !== null) return opened;
        continue;
      }
      const next = this.#tail.next();
      if (next === 'end') return this.#rotation.inode() === this.#tail.inode ? 'end' : 'away';
      if (next === 'changed') {
        this.close();
        continue; // the position tells where it goes on
      }
      const told = this.#told(this.#tail, next.items, null);
      if (told !== null) return told;
    }
  }

  /** Goes on to the file after this one, whose last line counts then, whole or not. `end`: there is none yet, or nothing in it:
   * an empty file has nothing by which to know it again. @throws InputError */
  leave(): CdrBatch | 'end' {
    const tail = this.#tail;
    if (tail === null) return 'end';
    const found = this.#rotation.successor(tail);
    if (found.tail === null) return 'end';
    if (found.tail.isEmpty) {
      found.tail.close();
      return 'end';
    }
    // what was written since it was at its end
    const rest = tail.next();
    if (typeof rest === 'object') {
      found.tail.close();
      return this.#told(tail, rest.items, null) ?? 'end';
    }
    // the successor has the place before `finish`: it is found anew if the last line has moved it
    const last = rest === 'end' ? tail.finish() : [];
    return this.#move(tail, found, last) ?? 'end';
  }

  close(): void {
    this.#tail?.close();
    this.#tail = null;
  }

  /** null: a file is open now */
  #open(): CdrBatch | 'end' | 'none' | null {
    const position = this.#position;
    if (position === null) {
      this.#tail = this.#fromEnd ? this.#rotation.mainAtEnd() : this.#rotation.main();
      const isNew = this.#fromEnd && this.#tail !== null;
      this.#fromEnd = false;
      if (this.#tail === null) return 'none';
      return isNew ? this.#told(this.#tail, [], null) : null;
    }
    const { tail, gap } = this.#rotation.locate(position);
    const isEmpty = tail?.isEmpty === true;
    if (isEmpty) tail.close();
    else this.#tail = tail;
    if (gap === null) return tail === null ? 'none' : isEmpty ? 'end' : null;
    this.#position = left(position);
    return { records: [], refused: [], gap, position: this.#position };
  }

  /** Leaves a file; its last line and what is lost are one batch. */
  #move(from: CdrTail, to: Found, last: readonly CdrItem[]): CdrBatch | null {
    const told = this.#told(from, last, to.gap, true);
    from.close();
    this.#tail = to.tail;
    if (to.tail !== null) to.tail.previous = told?.position ?? to.tail.previous;
    return told;
  }

  /** null: nothing of any file has ever been told, so that there is no place to keep. */
  #told(tail: CdrTail, items: readonly CdrItem[], gap: string | null, isLeft = false): CdrBatch | null {
    const records: CallRecord[] = [];
    const refused: CdrRefusal[] = [];
    for (const item of items) {
      if (item.ok) records.push(item.record);
      else refused.push({ reason: item.reason, file: tail.file, offset: item.offset });
    }
    const { position } = tail;
    if (position === null) return null;
    this.#position = isLeft ? left(position) : position;
    return { records, refused, gap, position: this.#position };
  }
}
