import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { InputError, messageOf, RingfenceError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { sendReport } from '../respond/notify/mail.ts';
import type { Site } from '../site/index.ts';
import type { Store } from '../store/index.ts';
import { DAY, iso, Zone } from '../time.ts';
import { reportHtml, reportPage, reportText, wordsOf, type Report, type ReportPage } from '../words/index.ts';
import { mailOptionsOf } from './notify-channels.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { csvBeside, CSV_HEAD, csvLine } from './report-csv.ts';
import { makeReport, type Period } from './report-data.ts';
import { readConfig, siteOf } from './site.ts';
import { textOptions } from './text.ts';

export const REPORT_FORMATS = ['text', 'html', 'csv', 'json'] as const;
type Format = (typeof REPORT_FORMATS)[number];

interface ReportOptions extends Omit<GlobalOptions, 'format'> {
  readonly format: Format;
  readonly since?: Millis;
  readonly until?: Millis;
  readonly last?: 'day' | 'week' | 'month';
  readonly out?: string;
  readonly mail: boolean;
  readonly language?: 'en' | 'de';
}

/** `ringfence report`: what a period was like, for people, spreadsheets and scripts. */
export default async function report(
  _args: readonly string[],
  options: ReportOptions,
  output: Output,
): Promise<number> {
  const { format } = options;
  const config = readConfig({ ...options, format: 'text' }, output);
  const site = siteOf(config);
  const now = Date.now();
  const period = periodOf(options, site, now);
  // before the store is read: a mail that cannot be sent is no reason to read it
  const mail = options.mail ? mailOptionsOf(config) : null;
  const store = storeOf(config, { create: false });
  try {
    const made = makeReport(store, config, site, period, now);
    if (format === 'csv') writeCsv(store, made, options.out, site, output);
    if (format === 'csv' && mail === null) return EXIT.done;
    const zone = new Zone(site.timezone);
    const page = reportPage(made, { words: wordsOf(options.language ?? site.language), zone });
    const text = textOptions(site, output);
    const said = bodyOf(format, made, page, { paint: text.paint, columns: text.columns });
    if (options.out !== undefined && format !== 'csv') writeWhole(resolve(options.out), (write) => write(`${said}\n`));
    else if (format !== 'csv' && mail === null) output.result(said.trimEnd());
    if (mail !== null) {
      const { detail } = await sendReport(mail, {
        subject: `${page.title}, ${page.period}`,
        text: reportText(page, { columns: 78 }),
        html: reportHtml(page),
        ...{ language: page.language, from: period.from, until: period.until },
      });
      output.note(`ringfence: mailed to ${mail.to.join(', ')}: ${detail}`);
    }
    return EXIT.done;
  } finally {
    store.close();
  }
}

type TextLook = Parameters<typeof reportText>[1];

function bodyOf(format: Format, made: Report, page: ReportPage, look: TextLook): string {
  switch (format) {
    case 'html':
      return reportHtml(page);
    case 'json':
      return JSON.stringify(asJson(made));
    default:
      return reportText(page, look);
  }
}

/** Times as text, and of each story what the alert JSON has. */
function asJson(made: Report): unknown {
  const stories = (all: Report['stopped']['gravest']): unknown =>
    all.map(({ incident: { openedAt, updatedAt, acknowledgedAt, ...incident }, decisions }) => ({
      ...incident,
      ...{ openedAt: iso(openedAt), updatedAt: iso(updatedAt) },
      acknowledgedAt: acknowledgedAt === null ? null : iso(acknowledgedAt),
      decisions: decisions.map(({ action, target, state }) => ({ action, target, state })),
    }));
  const decided = (all: Report['blocks']['undone']): unknown =>
    all.map(({ at, ...rest }) => ({ ...rest, at: iso(at) }));
  return {
    ...made,
    ...{ from: iso(made.from), until: iso(made.until), madeAt: iso(made.madeAt) },
    parts: made.parts.map(({ from, counts }) => ({ from: iso(from), counts })),
    stopped: { ...made.stopped, gravest: stories(made.stopped.gravest) },
    through: { ...made.through, gravest: stories(made.through.gravest) },
    blocks: { ...made.blocks, undone: decided(made.blocks.undone), failed: decided(made.blocks.failed) },
    gaps: made.gaps.map(({ since, until, ...rest }) => ({
      ...{ ...rest, since: iso(since), until: until === null ? null : iso(until) },
    })),
    keys: made.keys?.map(({ name, endsAt }) => ({ name, endsAt: iso(endsAt) })) ?? null,
    passwords: made.passwords && {
      ...{ ...made.passwords, latest: iso(made.passwords.latest) },
      weak: made.passwords.weak.map(({ at, ...rest }) => ({ ...rest, at: iso(at) })),
    },
  };
}

function periodOf({ since, until, last }: ReportOptions, site: Site, now: Millis): Period {
  if (last !== undefined) {
    if (since !== undefined || until !== undefined)
      throw new RingfenceError('usage', 'give --last, or --since and --until, not both');
    return lastPeriod(last, new Zone(site.timezone), now);
  }
  const end = until ?? now;
  const from = since ?? end - DAY;
  if (from >= end) throw new RingfenceError('usage', `the time of --since (${iso(from)}) is not before ${iso(end)}`);
  return { from, until: end };
}

/** The last whole day, week (from Monday) or month of the site's own calendar. */
export function lastPeriod(what: 'day' | 'week' | 'month', zone: Zone, now: Millis): Period {
  const { year, month, day, weekday } = zone.wall(now);
  const midnight = (m: number, d: number): Millis => zone.instant(Date.UTC(year, m - 1, d));
  switch (what) {
    case 'day':
      return { from: midnight(month, day - 1), until: midnight(month, day) };
    case 'week':
      return { from: midnight(month, day - weekday - 6), until: midnight(month, day - weekday + 1) };
    case 'month':
      return { from: midnight(month - 1, 1), until: midnight(month, 1) };
  }
}

/** The incidents of the period, a line each, as they are read; then what a report tells beside them. */
function writeCsv(store: Store, made: Report, out: string | undefined, site: Site, output: Output): void {
  const lines = (write: (text: string) => void): void => {
    write(CSV_HEAD);
    for (const incident of store.reporting.incidents(made.from, made.until)) write(csvLine(incident));
    for (const line of csvBeside(made, new Zone(site.timezone))) write(line);
  };
  if (out !== undefined) writeWhole(resolve(out), lines);
  else lines((text) => output.result(text.replace(/\r\n$/, '\r')));
}

/** The file appears whole, or not at all; it holds numbers that people dialled, so that it is for its owner. @throws InputError */
function writeWhole(path: string, fill: (write: (text: string) => void) => void): void {
  const part = `${path}.${process.pid}.part`;
  try {
    const fd = openSync(part, 'wx', 0o600);
    try {
      fill((text) => {
        const bytes = Buffer.from(text);
        for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      });
    } finally {
      closeSync(fd);
    }
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new InputError('input-unreadable', `--out: ${path} cannot be written: ${messageOf(error)}`, { cause: error });
  }
}
