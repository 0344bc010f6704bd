import type { CallRecord, Disposition } from '../model.ts';
import { SECOND } from '../time.ts';
import { uniqueidTime, type LocalTimes, readWall, type Wall } from './cdr-time.ts';
import type { Columns } from './cdr-columns.ts';

/** Columns of Master.csv in Asterisk's own names and order (cdr_csv.c); those from `uniqueid` on are there as cdr.conf says. */
export const CDR_FIELDS = [
  'accountcode',
  'src',
  'dst',
  'dcontext',
  'clid',
  'channel',
  'dstchannel',
  'lastapp',
  'lastdata',
  'start',
  'answer',
  'end',
  'duration',
  'billsec',
  'disposition',
  'amaflags',
  'uniqueid',
  'userfield',
  'peeraccount',
  'linkedid',
  'sequence',
] as const;
export type CdrField = (typeof CDR_FIELDS)[number];

/** Which column holds a field; -1: none. */
export type CdrLayout = Readonly<Record<CdrField, number>>;

/** A layout from the names of its columns in order; names that mean nothing here are skipped. */
export function layoutOf(names: readonly string[]): CdrLayout {
  return Object.fromEntries(CDR_FIELDS.map((field) => [field, names.indexOf(field)])) as Record<CdrField, number>;
}

const BASE = CDR_FIELDS.slice(0, 16);
const NEW = CDR_FIELDS.slice(18);
const LAYOUTS = new Map(
  [
    BASE,
    [...BASE, 'uniqueid'],
    [...BASE, 'uniqueid', 'userfield'],
    [...BASE, ...NEW],
    [...BASE, 'uniqueid', ...NEW],
    CDR_FIELDS,
  ].map((names) => [names.length, layoutOf(names)] as const),
);
const USERFIELD_ONLY = new Map(
  [
    [...BASE, 'userfield'],
    [...BASE, 'userfield', ...NEW],
  ].map((names) => [names.length, layoutOf(names)] as const),
);

/**
 * The layout of a row by its number of columns: 16, and one each for loguniqueid and loguserfield, and three for
 * newcdrcolumns (cdr.conf). 17 and 20 say that one of the two is logged: it is the unique id if it looks like one.
 * undefined: not a row of Master.csv.
 */
export function layoutFor(columns: Columns): CdrLayout | undefined {
  const { count } = columns;
  if ((count === 17 || count === 20) && uniqueidTime(columns.text(16)) === null) return USERFIELD_ONLY.get(count);
  return LAYOUTS.get(count);
}

/** Names that exports (of the cdr table of a database, of older tools) use for the same things. */
const ALIASES: ReadonlyMap<string, CdrField> = new Map([
  ['calldate', 'start'],
  ['source', 'src'],
  ['destination', 'dst'],
  ['destinationcontext', 'dcontext'],
  ['callerid', 'clid'],
  ['destinationchannel', 'dstchannel'],
  ['lastapplication', 'lastapp'],
  ['starttime', 'start'],
  ['answertime', 'answer'],
  ['endtime', 'end'],
  ['billableseconds', 'billsec'],
]);

/** Field names of a header line, '' for what is not known; null: the row is no header. */
export function headerNames(columns: Columns): string[] | null {
  const names: string[] = [];
  for (let i = 0; i < columns.count; i++) {
    const name = columns.text(i).trim().toLowerCase();
    const field = CDR_FIELDS.find((known) => known === name) ?? ALIASES.get(name) ?? '';
    names.push(names.includes(field) ? '' : field);
  }
  const needed: readonly CdrField[] = ['src', 'dst', 'channel', 'start', 'duration', 'disposition'];
  return needed.every((field) => names.includes(field)) ? names : null;
}

const DISPOSITIONS: readonly Disposition[] = ['ANSWERED', 'NO ANSWER', 'BUSY', 'FAILED', 'CONGESTION'];

/** Asterisk's word for how a call ended; anything else is UNKNOWN, which is its own word for that. */
export function dispositionOf(text: string): Disposition {
  return DISPOSITIONS.find((known) => known === text) ?? 'UNKNOWN';
}

/** A date that a database writes for none. */
const isNone = (columns: Columns, column: number): boolean =>
  columns.length(column) === 0 || columns.is(column, '0000-00-00 00:00:00');

const wallOf = (columns: Columns, column: number): Wall => {
  const length = columns.length(column);
  const start = columns.starts[column] ?? 0;
  // A database adds a fraction of a second: 2026-11-21 18:30:03.000000
  return length === 19 || (length > 20 && columns.bytes[start + 19] === 46) ? readWall(columns.bytes, start) : NaN;
};

/**
 * One row as a record, or why it is none. `local` null: times are UTC. Counts below zero (the clock was set back during
 * the call) are 0.
 */
export function recordOf(columns: Columns, layout: CdrLayout, local: LocalTimes | null): CallRecord | string {
  let start = wallOf(columns, layout.start);
  if (Number.isNaN(start)) return 'start is not a date';
  let duration = columns.integer(layout.duration);
  if (Number.isNaN(duration)) return 'duration is not a number';
  let billsec = layout.billsec < 0 ? 0 : columns.integer(layout.billsec);
  if (Number.isNaN(billsec)) return 'billsec is not a number';
  if (duration < 0) duration = 0;
  if (billsec < 0) billsec = 0;
  let end = isNone(columns, layout.end) ? start + duration * SECOND : wallOf(columns, layout.end);
  if (Number.isNaN(end)) return 'end is not a date';
  const disposition = columns.disposition(layout.disposition);
  let answer: Wall | null = null;
  if (layout.answer < 0) {
    if (disposition === 'ANSWERED') answer = end - billsec * SECOND;
  } else if (!isNone(columns, layout.answer)) {
    answer = wallOf(columns, layout.answer);
    if (Number.isNaN(answer)) return 'answer is not a date';
  }
  const uniqueid = columns.text(layout.uniqueid);
  const linkedid = columns.text(layout.linkedid);
  if (local !== null) {
    const offset = local.steadyOffset(start, end);
    if (Number.isNaN(offset)) {
      const created = uniqueidTime(uniqueid === '' ? linkedid : uniqueid);
      ({ start, answer, end } = local.resolve({ start, answer, end, duration, billsec }, created));
    } else {
      start -= offset;
      end -= offset;
      if (answer !== null) answer -= offset;
      local.lastEnd = end;
    }
  }
  const sequence = columns.length(layout.sequence) === 0 ? null : columns.integer(layout.sequence);
  return {
    accountcode: columns.text(layout.accountcode),
    src: columns.text(layout.src),
    dst: columns.text(layout.dst),
    dcontext: columns.text(layout.dcontext),
    clid: columns.text(layout.clid),
    channel: columns.text(layout.channel),
    dstchannel: columns.text(layout.dstchannel),
    lastapp: columns.text(layout.lastapp),
    lastdata: columns.text(layout.lastdata),
    start,
    answer,
    end,
    duration,
    billsec,
    disposition,
    amaflags: columns.text(layout.amaflags),
    uniqueid,
    userfield: columns.text(layout.userfield),
    linkedid,
    sequence: Number.isNaN(sequence) ? null : sequence,
    peeraccount: columns.text(layout.peeraccount),
  };
}
