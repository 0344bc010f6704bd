import { severityRank } from '../../src/model.ts';
import { formatDuration } from '../../src/time.ts';
import type { Feed } from './feeds.ts';
import { PEER_RULES } from './peers.ts';
import { median, poissonInterval, wilson } from './statistics.ts';
import type { Result, SiteResult } from './trial.ts';

/** One attack at one pace over all sites where it was tried. */
export interface Row {
  readonly kind: string;
  readonly pace: string;
  readonly tried: number;
  /** an alert of high or graver named it */
  readonly found: number;
  readonly foundInterval: readonly [number, number];
  /** at least medium */
  readonly noticed: number;
  readonly medianMs: number | null;
  readonly medianCalls: number | null;
  /** mean loss of the whole attack, and of what had run up when it was found; currency units */
  readonly loss: number;
  /** share of the savable loss still ahead when found; null: nothing to lose */
  readonly ahead: number | null;
  readonly acted: number;
  readonly detectors: Readonly<Record<string, number>>;
  readonly peers: Readonly<Record<string, number>>;
}

export interface Rate {
  readonly count: number;
  readonly perThousand: number;
  readonly interval: readonly [number, number];
}

export interface Summary {
  readonly feed: Feed;
  readonly sites: number;
  readonly extensionDays: number;
  readonly falseHigh: Rate;
  readonly falseMedium: Rate;
  readonly falseByDetector: Readonly<Record<string, number>>;
  readonly falseBySite: Readonly<Record<string, number>>;
  readonly peerFalse: Readonly<Record<string, Rate>>;
  readonly recall: Proportion;
  /** of attacks that cost more than 100 units */
  readonly recallAbove100: Proportion;
  readonly ahead: number;
  readonly peerRecall: Readonly<Record<string, Proportion>>;
  readonly rows: readonly Row[];
}

interface Proportion {
  readonly hits: number;
  readonly of: number;
  readonly interval: readonly [number, number];
}

const proportion = (all: readonly Result[], hit: (r: Result) => boolean): Proportion => {
  const hits = all.filter(hit).length;
  return { hits, of: all.length, interval: wilson(hits, all.length) };
};
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const isFound = (r: Result): boolean => r.foundAfter !== null;
const ofAttacks = (results: readonly Result[]): number | null => {
  const savable = sum(results.map((r) => r.savable));
  return savable === 0 ? null : sum(results.map((r) => r.saved)) / savable;
};

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort((a, b) => b[1] - a[1]));
}

function rowOf(results: readonly Result[]): Row {
  const found = results.filter(isFound);
  const first = results[0];
  return {
    kind: first?.kind ?? '',
    pace: first?.pace ?? '',
    tried: results.length,
    found: found.length,
    foundInterval: wilson(found.length, results.length),
    noticed: results.filter((r) => r.severity !== null && severityRank(r.severity) >= severityRank('medium')).length,
    medianMs: median(found.flatMap((r) => (r.foundAfter === null ? [] : [r.foundAfter]))),
    medianCalls: median(found.flatMap((r) => (r.callsUntilFound === null ? [] : [r.callsUntilFound]))),
    loss: sum(results.map((r) => r.loss)) / Math.max(1, results.length),
    ahead: ofAttacks(results),
    acted: results.filter((r) => r.acted).length,
    detectors: tally(found.map((r) => r.detector ?? '')),
    peers: Object.fromEntries(PEER_RULES.map((rule) => [rule, results.filter((r) => r.peers[rule]).length])),
  };
}

const rate = (count: number, extensionDays: number): Rate => {
  const scale = 1000 / Math.max(1, extensionDays);
  const [low, high] = poissonInterval(count);
  return { count, perThousand: count * scale, interval: [low * scale, high * scale] };
};

/** Everything of one feed, added up. */
export function summarise(feed: Feed, sites: readonly SiteResult[]): Summary {
  const own = sites.filter((s) => s.feed === feed);
  const results = own.flatMap((s) => s.results);
  const days = sum(own.map((s) => s.extensionDays));
  const alarms = own.flatMap((s) => s.falseAlarms.map((a) => ({ ...a, site: s.site })));
  const grave = alarms.filter((a) => severityRank(a.severity) >= severityRank('high'));
  const groups = new Map<string, Result[]>();
  for (const r of results) groups.set(`${r.kind}|${r.pace}`, [...(groups.get(`${r.kind}|${r.pace}`) ?? []), r]);
  return {
    feed,
    sites: own.length,
    extensionDays: days,
    falseHigh: rate(grave.length, days),
    falseMedium: rate(alarms.filter((a) => a.severity === 'medium').length, days),
    falseByDetector: tally(grave.map((a) => `${a.detector}, ${a.role}`)),
    falseBySite: tally(grave.map((a) => a.site)),
    peerFalse: Object.fromEntries(
      PEER_RULES.map((rule) => [rule, rate(sum(own.map((s) => s.peerFalseAlarms[rule])), days)]),
    ),
    recall: proportion(results, isFound),
    recallAbove100: proportion(
      results.filter((r) => r.loss > 100),
      isFound,
    ),
    ahead: ofAttacks(results) ?? 0,
    peerRecall: Object.fromEntries(PEER_RULES.map((rule) => [rule, proportion(results, (r) => r.peers[rule])])),
    rows: [...groups.values()].map(rowOf),
  };
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;
const between = ([low, high]: readonly [number, number], show: (x: number) => string): string =>
  `${show(low)} to ${show(high)}`;
const share = ({ hits, of, interval }: Proportion): string => `${hits}/${of} (${between(interval, percent)})`;
const fixed = (x: number): string => x.toFixed(x < 10 ? 2 : 1);
const rated = (r: Rate): string => `${fixed(r.perThousand)} (${between(r.interval, fixed)})`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const TITLES: Readonly<Record<Feed, string>> = {
  live: 'Live: mirrored SIP, manager events and records',
  cdr: 'Call records alone',
};

function headline(s: Summary): string {
  return table(
    ['', 'ringfence', ...PEER_RULES],
    [
      ['attacks found', share(s.recall), ...PEER_RULES.map((r) => share(s.peerRecall[r] ?? s.recall))],
      ['those that cost more than 100', share(s.recallAbove100), ...PEER_RULES.map(() => '')],
      [s.feed === 'live' ? 'loss still ahead when found' : 'of what records could save, still ahead', percent(s.ahead), ...PEER_RULES.map(() => '')], // prettier-ignore
      ['false alarms per 1,000 extension-days, high or graver', rated(s.falseHigh), ...PEER_RULES.map((r) => rated(s.peerFalse[r] ?? s.falseHigh))], // prettier-ignore
      ['medium per 1,000 extension-days', rated(s.falseMedium), ...PEER_RULES.map(() => '')],
    ],
  );
}

/** Tables of one feed in Markdown. */
export function tablesOf(s: Summary): string {
  const rows = s.rows.map((r) => [
    r.kind,
    r.pace,
    `${r.found}/${r.tried} (${between(r.foundInterval, percent)})`,
    r.noticed > r.found ? `+${r.noticed - r.found}` : '',
    r.medianMs === null ? '–' : r.medianMs < 1000 ? 'at once' : formatDuration(r.medianMs),
    r.medianCalls === null ? '–' : String(r.medianCalls),
    r.loss === 0 ? '' : String(Math.round(r.loss)),
    r.ahead === null ? '' : percent(r.ahead),
    `${r.acted}/${r.tried}`,
    Object.keys(r.detectors).join(', '),
    PEER_RULES.filter((rule) => (r.peers[rule] ?? 0) > 0).map((rule) => `${rule}: ${r.peers[rule] ?? 0}`).join(', '), // prettier-ignore
  ]);
  const innocent = Object.entries(s.falseByDetector).map(([what, count]) => [what, String(count)]);
  return [
    `## ${TITLES[s.feed]}`,
    `${s.sites} sites, ${s.extensionDays} extension-days of ordinary life.`,
    headline(s),
    table(['attack', 'pace', 'found', 'medium only', 'after', 'calls', 'loss', 'ahead', 'would act', 'first told by', 'peers'], rows), // prettier-ignore
    ...(innocent.length === 0
      ? ['No false alarm of high or graver.']
      : ['False alarms of high or graver:', table(['detector, whose', 'incidents'], innocent)]),
  ].join('\n\n');
}
