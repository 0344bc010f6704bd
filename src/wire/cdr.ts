/**
 * Master.csv, the call records that Asterisk's cdr_csv writes (cdr.conf, [csv]); every variant of its columns, and files that
 * were exported with a header line.
 */
import type { CallRecord, Millis } from '../model.ts';
import type { Zone } from '../time.ts';
import { Columns } from './cdr-columns.ts';
import { headerNames, layoutFor, layoutOf, recordOf, type CdrLayout } from './cdr-fields.ts';
import { LocalTimes } from './cdr-time.ts';

export { cdrFromAmi, type AmiCallRecord } from './cdr-ami.ts';
export { CDR_FIELDS, type CdrField } from './cdr-fields.ts';
export { cdrFingerprint, cdrIdentity, encodeCdr, type CdrFormat } from './cdr-text.ts';
export { uniqueidTime } from './cdr-time.ts';

/** Where a line stands: stream offsets of its beginning and of the byte after its line end, and its number from 1. */
interface Extent {
  readonly offset: number;
  /** end of the line: reading may be taken up again here */
  readonly bytes: number;
  readonly line: number;
}

export type CdrItem =
  | ({ readonly ok: true; readonly record: CallRecord } & Extent)
  | ({ readonly ok: false; readonly reason: string } & Extent);

export interface CdrReaderOptions {
  /** the site's zone: what local time means, where cdr.conf has usegmtime=no */
  readonly zone: Zone;
  /** cdr.conf usegmtime */
  readonly utc: boolean;
  /** stream offset of the first byte that will be pushed; default 0 */
  readonly startOffset?: number;
  /** end of the last record before it, which helps in the hour that a clock shows twice */
  readonly lastEnd?: Millis;
  /** field names of the columns, for a file with a header line that is taken up again in its middle (`CdrReader.columns`) */
  readonly columns?: readonly string[];
}

const LF = 10;
const CR = 13;
const QUOTE = 34;
/** Asterisk writes no row above 1 KiB; a line above this is no row. */
const LINE_LIMIT = 65_536;
/** Lines that one row may have, by line ends inside quotes. */
const LINES_LIMIT = 32;
/** In a refused line up to this long, a whole row is looked for behind a torn one. */
const SALVAGE_LIMIT = 4_096;

const REASONS = {
  open: 'a quote is not closed',
  quotes: 'a quote inside a field',
  columns: 'too many columns',
} as const;

/**
 * Reads a stream of rows in whatever pieces it comes. A line that is no row is refused and costs no other line. The unfinished
 * last line waits for its rest. Memory is bounded by the longest line and the largest piece.
 */
export class CdrReader {
  readonly #local: LocalTimes | null;
  readonly #columns = new Columns();
  #layout: CdrLayout | null = null;
  #names: readonly string[] | null = null;
  #held = Buffer.alloc(0);
  #heldLength = 0;
  /** Stream offset of what is held, or of the next byte. */
  #offset: number;
  #line = 1;
  /** Stream offset of the overlong line or the run of NULs that is being skipped; -1: none. */
  #overlong = -1;
  #nuls = -1;

  constructor(options: CdrReaderOptions) {
    this.#local = options.utc ? null : new LocalTimes(options.zone, options.lastEnd);
    this.#offset = options.startOffset ?? 0;
    if (options.columns !== undefined) this.#use(options.columns);
  }

  /** Stream offset up to which everything has been told: the beginning of the line that is not complete yet. */
  get position(): number {
    return this.#overlong >= 0 ? this.#overlong : this.#nuls >= 0 ? this.#nuls : this.#offset;
  }

  /** Field names of the header line that was read, '' for unknown columns; null: none, the columns are Asterisk's own. */
  get columns(): readonly string[] | null {
    return this.#names;
  }

  push(chunk: Buffer): CdrItem[] {
    const items: CdrItem[] = [];
    if (this.#heldLength === 0) {
      this.#keep(chunk, this.#consume(chunk, false, items));
      return items;
    }
    this.#append(chunk);
    if (this.#heldLength <= LINE_LIMIT && !chunk.includes(LF)) return items;
    const data = this.#held.subarray(0, this.#heldLength);
    this.#keep(data, this.#consume(data, false, items));
    return items;
  }

  /** The stream ended for good (an export, a recording): the last line counts though it has no line end. */
  end(): CdrItem[] {
    const items: CdrItem[] = [];
    const data = Buffer.concat([this.#held.subarray(0, this.#heldLength), Buffer.of(LF)]);
    this.#offset += this.#consume(data, true, items) - 1;
    this.#heldLength = 0;
    return items;
  }

  #use(names: readonly string[]): void {
    this.#names = names;
    this.#layout = layoutOf(names);
  }

  #append(chunk: Buffer): void {
    const length = this.#heldLength + chunk.length;
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(1_024, 2 * length));
      this.#held.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldLength);
    this.#heldLength = length;
  }

  /** Keeps what is left of `data` from `used` on. */
  #keep(data: Buffer, used: number): void {
    this.#offset += used;
    this.#heldLength = 0;
    if (used < data.length) this.#append(data.subarray(used));
  }

  /** Reads whole lines; returns how many bytes they take. `#offset` stays that of data[0]. */
  #consume(data: Buffer, last: boolean, items: CdrItem[]): number {
    let at = 0;
    for (;;) {
      if (this.#overlong >= 0) {
        const lf = data.indexOf(LF, at);
        if (lf < 0) return data.length;
        this.#refuse(
          `a line is longer than ${LINE_LIMIT} bytes`,
          this.#overlong - this.#offset,
          lf + 1,
          last,
          data,
          items,
        );
        this.#overlong = -1;
        at = lf + 1;
      }
      at = this.#skipNuls(data, at, last, items);
      const lf = data.indexOf(LF, at);
      const end = lf < 0 ? data.length : lf;
      if (end - at > LINE_LIMIT) {
        this.#overlong = this.#offset + at;
        at = end;
        continue;
      }
      if (lf < 0) return at;
      const next = this.#row(data, at, lf, last, items);
      if (next < 0) return at;
      at = next;
    }
  }

  /** After a power cut a file may hold NULs where a row should be; the next row stands right behind them. */
  #skipNuls(data: Buffer, from: number, last: boolean, items: CdrItem[]): number {
    let at = from;
    while (at < data.length && data[at] === 0) at++;
    if (at > from && this.#nuls < 0) this.#nuls = this.#offset + from;
    if (this.#nuls >= 0 && at < data.length) {
      const start = this.#nuls - this.#offset;
      this.#nuls = -1;
      items.push(this.#refusal('NUL bytes', start, at, last, data));
    }
    return at;
  }

  /** Reads the row whose first line ends at `lf`. Returns where the next one begins; -1: more bytes are needed to tell. */
  #row(data: Buffer, from: number, lf: number, last: boolean, items: CdrItem[]): number {
    let end = lf > from && data[lf - 1] === CR ? lf - 1 : lf;
    if (end === from) {
      this.#line++;
      return lf + 1;
    }
    let outcome = this.#columns.read(data, from, end);
    let lines = 1;
    let next = lf + 1;
    while (outcome === 'open') {
      const further = data.indexOf(LF, next);
      const reach = further < 0 ? data.length : further;
      if (lines >= LINES_LIMIT || reach - from > LINE_LIMIT || (further < 0 && last)) break;
      if (further < 0) return -1;
      lines++;
      next = further + 1;
      end = data[further - 1] === CR ? further - 1 : further;
      outcome = this.#columns.read(data, from, end);
    }
    const result = outcome === 'ok' ? this.#judge() : REASONS[outcome];
    if (typeof result === 'object') {
      if (result !== null) items.push(this.#told(result, from, next, last, data));
      this.#line += lines;
      return next;
    }
    // The line end inside quotes was none of this row's: only its first line is refused.
    this.#salvage(lines > 1 ? REASONS.open : result, data, from, lf, last, items);
    return lf + 1;
  }

  /** The record of the columns that were read; null: they are a header line; a string: why they are no record. */
  #judge(): CallRecord | null | string {
    const columns = this.#columns;
    const layout = this.#layout !== null && columns.count === this.#names?.length ? this.#layout : layoutFor(columns);
    const result =
      layout === undefined
        ? `${columns.count} columns; Master.csv has 16 to 21`
        : recordOf(columns, layout, this.#local);
    if (typeof result !== 'string') return result;
    const names = headerNames(columns);
    if (names === null) return result;
    this.#use(names);
    return null;
  }

  /**
   * Refuses a line. When the disk was full a row was cut short without a line end, and the next one, written later, stands
   * right behind it: that one is still told. It is the last that could be one, for columns are counted from its beginning.
   */
  #salvage(reason: string, data: Buffer, from: number, lf: number, last: boolean, items: CdrItem[]): void {
    const end = lf > from && data[lf - 1] === CR ? lf - 1 : lf;
    const first = end - from > SALVAGE_LIMIT ? end : from;
    for (let at = data.lastIndexOf(QUOTE, end - 1); at > first; at = data.lastIndexOf(QUOTE, at - 1)) {
      if (this.#columns.read(data, at, end) !== 'ok') continue;
      const layout = layoutFor(this.#columns);
      const record = layout === undefined ? '' : recordOf(this.#columns, layout, this.#local);
      if (typeof record === 'string' || record.channel === '') continue;
      items.push(this.#refusal(`a torn row: ${reason}`, from, at, last, data));
      items.push(this.#told(record, at, lf + 1, last, data));
      this.#line++;
      return;
    }
    this.#refuse(reason, from, lf + 1, last, data, items);
  }

  #refuse(reason: string, from: number, next: number, last: boolean, data: Buffer, items: CdrItem[]): void {
    items.push(this.#refusal(reason, from, next, last, data));
    this.#line++;
  }

  #told(record: CallRecord, from: number, next: number, last: boolean, data: Buffer): CdrItem {
    return { ok: true, record, offset: this.#offset + from, bytes: this.#past(next, last, data), line: this.#line };
  }

  #refusal(reason: string, from: number, next: number, last: boolean, data: Buffer): CdrItem {
    return { ok: false, reason, offset: this.#offset + from, bytes: this.#past(next, last, data), line: this.#line };
  }

  /** Stream offset of `next`, without the line end that `end` lent to the last line. */
  #past(next: number, last: boolean, data: Buffer): number {
    return this.#offset + (last ? Math.min(next, data.length - 1) : next);
  }
}
