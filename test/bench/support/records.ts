/**
 * A Master.csv of an office, the same in every run: extensions that call each other, numbers at home and, one call in forty,
 * abroad, mostly somebody who is called often; a quarter unanswered; nine of ten calls on working days within office hours.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

const EXTENSIONS = 200;
/** a Monday */
const START = Date.UTC(2026, 4, 4);
const WORKING_DAY = 8_000;
const WEEKEND_DAY = 800;
const WEEK = 5 * WORKING_DAY + 2 * WEEKEND_DAY;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** When the nth call began: 1 of 20 before 6:30 (UTC, 8:30 in Berlin), 18 of 20 in the ten hours after it, 1 of 20 later. */
function startOf(i: number): number {
  const inWeek = i % WEEK;
  const working = inWeek < 5 * WORKING_DAY;
  const size = working ? WORKING_DAY : WEEKEND_DAY;
  const since = working ? inWeek : inWeek - 5 * WORKING_DAY;
  const day = Math.floor(i / WEEK) * 7 + (working ? 0 : 5) + Math.floor(since / size);
  const part = (since % size) / size;
  const opens = 6.5;
  const closes = 16.5;
  const hours =
    part < 0.05
      ? (part / 0.05) * opens
      : part < 0.95
        ? opens + ((part - 0.05) / 0.9) * (closes - opens)
        : closes + ((part - 0.95) / 0.05) * (24 - closes);
  return START + day * DAY + Math.floor((hours * HOUR) / 1000) * 1000;
}

const stamp = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ');

function row(i: number): string {
  const at = startOf(i);
  const extension = 1000 + ((i * 7) % EXTENSIONS);
  const abroad = i % 40 === 13;
  const inside = i % 3 === 0;
  // three of four go to somebody they call often
  const who = i % 4 === 2 ? 100_000 + ((i * 7919) % 800_000) : 100_000 + ((i * 31) % 400);
  const dialled = abroad ? `0037126${who}` : inside ? String(1000 + (i % EXTENSIONS)) : `03020${who}`; // prettier-ignore
  const answered = i % 4 !== 0;
  const seconds = answered ? 5 + (i % 300) : 20;
  const id = `${Math.floor(at / 1000)}.${2 * i}`;
  const other = inside ? `PJSIP/${dialled}-${(2 * i + 1).toString(16).padStart(8, '0')}` : `PJSIP/carrier-${(2 * i + 1).toString(16).padStart(8, '0')}`; // prettier-ignore
  return (
    `"","${extension}","${dialled}","from-internal","""Desk ${extension}"" <${extension}>",` +
    `"PJSIP/${extension}-${(2 * i).toString(16).padStart(8, '0')}","${other}","Dial","${other.slice(0, other.lastIndexOf('-'))},60",` +
    `"${stamp(at)}",${answered ? `"${stamp(at + 5_000)}"` : ''},"${stamp(at + seconds * 1000)}",${seconds},${answered ? seconds - 5 : 0},` +
    `"${answered ? 'ANSWERED' : 'NO ANSWER'}","DOCUMENTATION","${id}",""\n`
  );
}

/** Writes `rows` rows in the order in which the calls began. */
export function writeRecords(path: string, rows: number): void {
  const file = openSync(path, 'w');
  for (let i = 0; i < rows; i += 10_000)
    writeSync(file, Array.from({ length: Math.min(10_000, rows - i) }, (_, k) => row(i + k)).join(''));
  closeSync(file);
}
