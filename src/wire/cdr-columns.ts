import { isUtf8 } from 'node:buffer';
import type { Disposition } from '../model.ts';

/** A row of more columns is refused. */
const COLUMN_LIMIT = 64;

const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;

/**
 * The columns of one CSV row as Asterisk writes it: comma, text in double quotes, quotes in it doubled, numbers and empty
 * dates bare. One object serves row after row; it looks at bytes, and makes strings only of the fields that are asked for.
 */
export class Columns {
  bytes: Buffer = Buffer.alloc(0);
  count = 0;
  /** Where each field is in `bytes`, without its quotes. */
  readonly starts = new Int32Array(COLUMN_LIMIT);
  readonly ends = new Int32Array(COLUMN_LIMIT);
  /** 1 where quotes are doubled inside */
  readonly #doubled = new Uint8Array(COLUMN_LIMIT);
  /** The row as ISO 8859-1, of which fields are cut; null: it is UTF-8 beyond ASCII, fields are decoded one by one. */
  #row: string | null = '';
  #from = 0;

  /**
   * Finds the columns of the row at `from` to `end`. `open`: a quoted field has no end, so that the row may go on in the
   * next line; `quotes`: a quote where none can be; `columns`: too many.
   */
  read(bytes: Buffer, from: number, end: number): 'ok' | 'open' | 'quotes' | 'columns' {
    const { starts, ends } = this;
    const doubled = this.#doubled;
    let column = 0;
    let seen = 0;
    let at = from;
    this.count = 0;
    for (; ; at++) {
      if (column === COLUMN_LIMIT) return 'columns';
      let c: number;
      if (at < end && bytes[at] === QUOTE) {
        doubled[column] = 0;
        starts[column] = ++at;
        for (;;) {
          while (at < end && (c = bytes[at] ?? 0) !== QUOTE) {
            seen |= c;
            at++;
          }
          if (at >= end) return 'open';
          if (at + 1 >= end || bytes[at + 1] !== QUOTE) break;
          doubled[column] = 1;
          at += 2;
        }
        ends[column++] = at++;
        if (at < end && bytes[at] !== COMMA) return 'quotes';
      } else {
        doubled[column] = 0;
        starts[column] = at;
        while (at < end && (c = bytes[at] ?? 0) !== COMMA) {
          if (c === QUOTE) return 'quotes';
          seen |= c;
          at++;
        }
        ends[column++] = at;
      }
      if (at >= end) break;
    }
    this.bytes = bytes;
    this.count = column;
    this.#from = from;
    this.#row = seen > 127 && isUtf8(bytes.subarray(from, end)) ? null : bytes.toString('latin1', from, end);
    return 'ok';
  }

  /** Length in bytes; 0 where there is no such column. */
  length(column: number): number {
    return column < 0 || column >= this.count ? 0 : (this.ends[column] ?? 0) - (this.starts[column] ?? 0);
  }

  /** A field without its quotes, UTF-8 where the row is valid UTF-8, else ISO 8859-1; '' where there is no such column. */
  text(column: number): string {
    if (column < 0 || column >= this.count) return '';
    const start = this.starts[column] ?? 0;
    const end = this.ends[column] ?? 0;
    if (start === end) return '';
    const text =
      this.#row === null
        ? this.bytes.toString('utf8', start, end)
        : this.#row.slice(start - this.#from, end - this.#from);
    return this.#doubled[column] === 1 ? text.replaceAll('""', '"') : text;
  }

  /** A decimal integer, bare or quoted; NaN when the field is none. */
  integer(column: number): number {
    if (column < 0 || column >= this.count) return NaN;
    const { bytes } = this;
    let at = this.starts[column] ?? 0;
    const end = this.ends[column] ?? 0;
    const negative = bytes[at] === MINUS && at < end;
    if (negative) at++;
    if (at >= end || end - at > 12) return NaN;
    let value = 0;
    for (; at < end; at++) {
      const digit = (bytes[at] ?? 0) - 48;
      if (digit < 0 || digit > 9) return NaN;
      value = value * 10 + digit;
    }
    return negative ? -value : value;
  }

  /** Asterisk's word for how a call ended, without a string of its own; anything else is UNKNOWN, its own word for that. */
  disposition(column: number): Disposition {
    const length = this.length(column);
    const known: Disposition =
      length === 8
        ? 'ANSWERED'
        : length === 9
          ? 'NO ANSWER'
          : length === 4
            ? 'BUSY'
            : length === 6
              ? 'FAILED'
              : 'CONGESTION';
    return this.is(column, known) ? known : 'UNKNOWN';
  }

  /** Is the field this ASCII text? */
  is(column: number, text: string): boolean {
    const start = this.starts[column] ?? 0;
    if (this.length(column) !== text.length) return false;
    for (let i = 0; i < text.length; i++) if (this.bytes[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }
}
