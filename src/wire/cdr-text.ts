import type { CallRecord, Millis } from '../model.ts';
import type { Zone } from '../time.ts';

/**
 * Which record this is, for counting each once within a feed: unique id and sequence number where both are logged, which is
 * what Asterisk itself numbers records by (one call may have several: same unique id, other sequence). Without a sequence
 * number the record's own times and legs take its place, without a unique id the channel's name.
 */
export function cdrIdentity(record: CallRecord): string {
  const { uniqueid, sequence } = record;
  if (uniqueid !== '' && sequence !== null) return `${uniqueid}|${sequence}`;
  return `${uniqueid}|${cdrFingerprint(record)}`;
}

/** What one record has in common in every feed (Master.csv, AMI), whichever of the optional columns each of them logs. */
export function cdrFingerprint(record: CallRecord): string {
  return `${record.start}|${record.channel}|${record.dst}|${record.duration}|${record.billsec}|${record.dstchannel}`;
}

/** What cdr.conf says about the rows of Master.csv. */
export interface CdrFormat {
  /** usegmtime; with false `zone` is the PBX's */
  readonly utc: boolean;
  readonly zone: Zone;
  /** loguniqueid */
  readonly uniqueid: boolean;
  /** loguserfield */
  readonly userfield: boolean;
  /** newcdrcolumns */
  readonly newColumns: boolean;
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** One row as Asterisk writes it (cdr_csv.c), with its line end. Times lose their fractions of a second. */
export function encodeCdr(record: CallRecord, format: CdrFormat): string {
  const date = (at: Millis): string =>
    quoted(new Date(at + (format.utc ? 0 : format.zone.offsetAt(at))).toISOString().slice(0, 19).replace('T', ' '));
  const texts = (...values: string[]): string[] => values.map(quoted);
  const columns = [
    ...texts(record.accountcode, record.src, record.dst, record.dcontext, record.clid, record.channel),
    ...texts(record.dstchannel, record.lastapp, record.lastdata),
    date(record.start),
    record.answer === null ? '' : date(record.answer),
    date(record.end),
    String(record.duration),
    String(record.billsec),
    ...texts(record.disposition, record.amaflags),
    ...(format.uniqueid ? texts(record.uniqueid) : []),
    ...(format.userfield ? texts(record.userfield) : []),
    ...(format.newColumns ? [...texts(record.peeraccount, record.linkedid), String(record.sequence ?? 0)] : []),
  ];
  return `${columns.join(',')}\n`;
}
