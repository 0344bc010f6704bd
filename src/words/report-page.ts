import { SEVERITIES, type Millis, type Severity } from '../model.ts';
import type { Zone } from '../time.ts';
import { alarmText } from './alarms.ts';
import { deReport } from './de-report.ts';
import { enReport } from './en-report.ts';
import type { Report, ReportDecision, ReportStory } from './report.ts';
import type { ReportWords } from './report-words.ts';
import { visible } from './visible.ts';
import type { Words } from './words.ts';

/** A report in words, before it becomes text or HTML. Every text in it is visible (visible.ts) and one line. */
export interface ReportPage {
  /** BCP 47 */
  readonly language: string;
  readonly title: string;
  readonly period: string;
  readonly sections: readonly ReportSection[];
  readonly footer: string;
}

export interface ReportSection {
  readonly title: string;
  readonly lines: readonly string[];
  readonly bars?: readonly ReportBar[];
  readonly table?: ReportTable;
}

/** A bar of a chart: its parts by severity, lowest first. */
export interface ReportBar {
  readonly label: string;
  readonly parts: readonly { readonly severity: Severity; readonly value: number }[];
}

export interface ReportTable {
  readonly head: readonly string[];
  /** columns of numbers, set to the right */
  readonly right: readonly number[];
  readonly rows: readonly { readonly cells: readonly string[]; readonly severity?: Severity }[];
}

export interface PageOptions {
  readonly words: Words;
  readonly zone: Zone;
}

const LANGUAGES: Readonly<Record<string, ReportWords>> = { en: enReport, de: deReport };
const GRAVEST_FIRST = SEVERITIES.toReversed();

/** Weak passwords that one page lists. */
const WEAK = 100;

/** What a report says. */
export function reportPage(report: Report, { words, zone }: PageOptions): ReportPage {
  const own = LANGUAGES[words.language] ?? enReport;
  const make = new Sections(report, own, words, zone);
  return {
    language: words.language,
    title: own.title(visible(report.site, 64)),
    period: own.period(words.minute(report.from, zone).trim(), words.minute(report.until, zone).trim()),
    sections: make
      .all()
      .filter(({ lines, bars, table }) => lines.length > 0 || bars !== undefined || table !== undefined),
    footer: own.footer,
  };
}

class Sections {
  readonly #report: Report;
  readonly #own: ReportWords;
  readonly #words: Words;
  readonly #zone: Zone;

  constructor(report: Report, own: ReportWords, words: Words, zone: Zone) {
    this.#report = report;
    this.#own = own;
    this.#words = words;
    this.#zone = zone;
  }

  all(): ReportSection[] {
    return [
      this.#overview(),
      this.#course(),
      this.#stopped(),
      this.#through(),
      this.#destinations(),
      this.#accounts(),
      this.#blocks(),
      this.#decisions(this.#own.titles.undone, this.#report.blocks.undone),
      this.#decisions(this.#own.titles.failed, this.#report.blocks.failed),
      this.#gaps(),
      this.#keys(),
      this.#passwords(),
    ];
  }

  #minute = (at: Millis): string => this.#words.minute(at, this.#zone).trim();
  #money = (amount: number): string => this.#words.money(amount, this.#report.currency);

  #overview(): ReportSection {
    const { counts, before, mode } = this.#report;
    const own = this.#own;
    const { quiet, observing, titles, heads, explain } = own;
    const all = SEVERITIES.reduce((sum, s) => sum + counts[s].all, 0);
    const open = SEVERITIES.reduce((sum, s) => sum + counts[s].open, 0);
    const rows = GRAVEST_FIRST.filter((s) => counts[s].all > 0).map((severity) => ({
      cells: [this.#own.severity(severity), String(counts[severity].all), String(counts[severity].open)],
      severity,
    }));
    return {
      title: titles.overview,
      lines: [
        all === 0 ? quiet : own.tally(all, open),
        ...(before === null ? [] : [own.compared(all, before)]),
        ...(mode === 'observe' ? [observing] : []),
        ...(all === 0 ? [] : [explain]),
      ],
      ...(rows.length === 0
        ? {}
        : { table: { head: [heads.severity, heads.incidents, heads.open], right: [1, 2], rows } }),
    };
  }

  #course(): ReportSection {
    const { parts, from, until } = this.#report;
    const days = (until - from) / Math.max(1, parts.length) >= 20 * 3_600_000;
    const label = (at: Millis): string => {
      const wall = this.#zone.wall(at);
      const two = (n: number): string => String(n).padStart(2, '0');
      return days ? `${two(wall.day)}.${two(wall.month)}.` : `${two(wall.hour)}:${two(wall.minute)}`;
    };
    const bars = parts.map(({ from: at, counts }) => ({
      label: label(at),
      parts: SEVERITIES.filter((s) => counts[s] > 0).map((severity) => ({ severity, value: counts[severity] })),
    }));
    const empty = bars.every((bar) => bar.parts.length === 0);
    return { title: this.#own.titles.course, lines: [], ...(empty ? {} : { bars }) };
  }

  #stories(stories: readonly ReportStory[]): ReportTable {
    const { heads } = this.#own;
    return {
      head: ['ID', heads.since, heads.severity, heads.what, heads.cost],
      right: [4],
      rows: stories.map(({ incident, evidence }) => ({
        cells: [
          visible(incident.id, 64).slice(0, 8),
          this.#minute(incident.openedAt),
          this.#own.severity(incident.severity),
          visible(this.#words.headline(incident, evidence), 300),
          incident.loss === null ? '' : visible(this.#words.money(incident.loss.amount, incident.loss.currency), 40),
        ],
        severity: incident.severity,
      })),
    };
  }

  #withRest(stories: readonly ReportStory[], all: number): Pick<ReportSection, 'table'> {
    if (stories.length === 0) return {};
    const table = this.#stories(stories);
    const left = all - stories.length;
    if (left <= 0) return { table };
    return { table: { ...table, rows: [...table.rows, { cells: ['', '', '', this.#own.more(left), ''] }] } };
  }

  #stopped(): ReportSection {
    const { incidents, calls, cost, saved, gravest } = this.#report.stopped;
    const own = this.#own;
    const lines =
      incidents === 0
        ? [own.nothingStopped]
        : [
            own.stopped(incidents, calls, this.#money(cost)),
            ...(saved >= 1 ? [own.saved(this.#money(Math.round(saved)))] : []),
          ];
    return { title: own.titles.stopped, lines, ...this.#withRest(gravest, incidents) };
  }

  #through(): ReportSection {
    const { incidents, observed, cost, gravest } = this.#report.through;
    const own = this.#own;
    const lines =
      incidents === 0
        ? [own.nothingThrough]
        : [own.through(incidents, this.#money(cost)), ...(observed > 0 ? [own.onlyObserved(observed)] : [])];
    return { title: own.titles.through, lines, ...this.#withRest(gravest, incidents) };
  }

  #destinations(): ReportSection {
    const { heads, titles, unknownPlace } = this.#own;
    const names = new Intl.DisplayNames([this.#words.language], { type: 'region' });
    const named = (place: string, country: string | null): string =>
      country !== null && /^[A-Z]{2}$/.test(country) ? (names.of(country) ?? place) : place;
    const rows = this.#report.destinations.map(({ place, country, incidents, numbers, risk }) => ({
      cells: [
        place === '' ? unknownPlace : visible(named(place, country), 60),
        String(incidents),
        String(numbers),
        String(risk),
      ],
    }));
    const head = [heads.place, heads.incidents, heads.numbers, heads.risk];
    return {
      title: titles.destinations,
      lines: [],
      ...(rows.length === 0 ? {} : { table: { head, right: [1, 2, 3], rows } }),
    };
  }

  #accounts(): ReportSection {
    const { heads, titles } = this.#own;
    const rows = this.#report.accounts.map(({ account, incidents, severity }) => ({
      cells: [visible(account, 64), String(incidents), this.#own.severity(severity)],
      severity,
    }));
    const head = [heads.account, heads.incidents, heads.gravest];
    return { title: titles.accounts, lines: [], ...(rows.length === 0 ? {} : { table: { head, right: [1], rows } }) };
  }

  #blocks(): ReportSection {
    const { heads, titles } = this.#own;
    const { counts } = this.#report.blocks;
    const states = ['done', 'expired', 'undone', 'pending', 'failed', 'observed'] as const;
    const titled = {
      done: heads.done,
      expired: heads.ended,
      undone: heads.undone,
      pending: heads.pending,
      failed: heads.failed,
      observed: heads.observed,
    };
    const used = states.filter((state) => counts.some((count) => count.state === state));
    const rows = [...new Set(counts.map(({ action }) => action))].map((action) => ({
      cells: [
        this.#own.action(action),
        ...used.map((state) => String(counts.find((c) => c.action === action && c.state === state)?.n ?? 0)),
      ],
    }));
    const head = [heads.action, ...used.map((state) => titled[state])];
    const right = used.map((_, i) => i + 1);
    return { title: titles.blocks, lines: [], ...(rows.length === 0 ? {} : { table: { head, right, rows } }) };
  }

  #decisions(title: string, decisions: readonly ReportDecision[]): ReportSection {
    if (decisions.length === 0) return { title, lines: [] };
    const { heads } = this.#own;
    const rows = decisions.map(({ at, action, target, why, incident }) => ({
      cells: [
        this.#minute(at),
        this.#own.action(action),
        visible(target, 64),
        visible(why, 200),
        visible(incident, 64).slice(0, 8),
      ],
    }));
    return {
      title,
      lines: [],
      table: { head: [heads.since, heads.action, heads.target, heads.why, 'ID'], right: [], rows },
    };
  }

  #gaps(): ReportSection {
    const { gaps } = this.#report;
    const { titles, heads, noGaps, stands } = this.#own;
    if (gaps.length === 0) return { title: titles.gaps, lines: [noGaps] };
    const rows = gaps.map((gap) => ({
      cells: [
        this.#minute(gap.since),
        gap.until === null ? stands : this.#words.duration(gap.until - gap.since),
        alarmText({ ...gap, until: null }, this.#words, this.#zone).headline,
      ],
    }));
    return { title: titles.gaps, lines: [], table: { head: [heads.since, heads.lasted, heads.what], right: [], rows } };
  }

  #keys(): ReportSection {
    const { keys } = this.#report;
    const { titles, heads } = this.#own;
    if (keys === null || keys.length === 0) return { title: titles.keys, lines: [] };
    const rows = keys.map(({ name, endsAt }) => ({ cells: [visible(name, 64), this.#minute(endsAt)] }));
    return { title: titles.keys, lines: [], table: { head: [heads.key, heads.ends], right: [], rows } };
  }

  #passwords(): ReportSection {
    const { passwords } = this.#report;
    const { titles, heads, audited, mend, weakness, more } = this.#own;
    if (passwords === null) return { title: titles.passwords, lines: [] };
    const { weak, latest } = passwords;
    const shown = weak.slice(0, WEAK).map((one) => ({
      cells: [visible(one.account, 64), weakness[one.weakness], this.#minute(one.at)],
      severity: 'high' as const,
    }));
    const rows = weak.length > WEAK ? [...shown, { cells: ['', more(weak.length - WEAK), ''] }] : shown;
    return {
      title: titles.passwords,
      lines: [audited(passwords.audited, weak.length, this.#minute(latest)), ...(weak.length === 0 ? [] : [mend])],
      ...(rows.length === 0 ? {} : { table: { head: [heads.account, heads.what, heads.audited], right: [], rows } }),
    };
  }
}
