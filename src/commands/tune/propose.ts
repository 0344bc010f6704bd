import { DAY_SLOTS, SLOT_MINUTES, type Learner, type Presence, type Range } from './learn.ts';

/** A line of the settings: its section as it stands in brackets, its name, its value in TOML. */
export interface SettingLine {
  readonly section: string;
  readonly key: string;
  readonly value: string;
}

export interface Proposal {
  readonly kind: 'hours' | 'groups' | 'partners' | 'budgets';
  /** why, in a sentence or two */
  readonly because: string;
  readonly lines: readonly SettingLine[];
}

/** What the settings say now, as far as proposals ask. */
export interface Present {
  readonly open: 'always' | readonly string[];
  /** accounts that have hours of their own, or by a group */
  readonly ownHours: (account: string) => boolean;
  readonly groups: ReadonlySet<string>;
  /** budgets of [detect.spend] by name; empty where there is no such detector */
  readonly budgets: Readonly<Record<string, unknown>>;
}

/** So many weeks must have been recorded: one is no habit. */
export const LEAST_WEEKS = 4;
/** Share of the weeks in which somebody telephones in a half hour that is usual. */
const USUAL = 1 / 3;
/** Quiet time within a day that is no closing time, in slots (three hours). */
const LULL = 6;
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

const clock = (slot: number): string => {
  const minutes = slot * SLOT_MINUTES;
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
};

/** Half hours with the lulls between them, over midnight and from Sunday to Monday too. */
function bridged(usual: ReadonlySet<number>): ReadonlySet<number> {
  const week = 7 * DAY_SLOTS;
  const all = new Set(usual);
  for (const slot of usual)
    for (let gap = LULL; gap > 0; gap--)
      if (usual.has((slot + gap + 1) % week)) for (let i = 1; i <= gap; i++) all.add((slot + i) % week);
  return all;
}

/** The times of one day. */
function spansOf(day: number, open: ReadonlySet<number>): string {
  const spans: [number, number][] = [];
  for (let slot = 0; slot < DAY_SLOTS; slot++) {
    if (!open.has(day * DAY_SLOTS + slot)) continue;
    const last = spans.at(-1);
    if (last?.[1] === slot) last[1] = slot + 1;
    else spans.push([slot, slot + 1]);
  }
  // a single half hour is somebody who was early
  return spans
    .filter(([from, to]) => to - from > 1)
    .map(([from, to]) => `${clock(from)}-${clock(to)}`)
    .join(', ');
}

/** Slots of a week as [hours] writes them: days with the same times together. */
export function writeHours(usual: ReadonlySet<number>): string[] {
  const open = bridged(usual);
  const days = DAYS.map((_, day) => spansOf(day, open));
  const lines: string[] = [];
  for (let from = 0; from < 7;) {
    let to = from;
    while (to < 6 && days[to + 1] === days[from]) to++;
    const name = from === to ? (DAYS[from] ?? '') : `${DAYS[from] ?? ''}-${DAYS[to] ?? ''}`;
    if (days[from] !== '') lines.push(`${name} ${days[from] ?? ''}`);
    from = to + 1;
  }
  return lines;
}

/** Half hours in which at least `people` accounts telephone in at least a third of the weeks. */
function usualSlots(all: readonly Presence[], weeks: number, people: number): Set<number> {
  const usual = new Set<number>();
  for (let slot = 0; slot < 7 * DAY_SLOTS; slot++) {
    const present = new Map<number, number>();
    for (const presence of all)
      for (const week of presence.get(slot) ?? []) present.set(week, (present.get(week) ?? 0) + 1);
    const often = [...present.values()].filter((n) => n >= people).length;
    if (often >= weeks * USUAL) usual.add(slot);
  }
  return usual;
}

const list = (texts: readonly string[]): string => JSON.stringify(texts).replaceAll('","', '", "');

function hours(learner: Learner, present: Present, usual: ReadonlySet<number>): Proposal[] {
  const open = writeHours(usual);
  if (open.length === 0 || present.open === 'always' || JSON.stringify(open) === JSON.stringify(present.open))
    return [];
  return [
    {
      kind: 'hours',
      because: `In at least a third of ${learner.weeks.size} weeks people telephoned at these times`,
      lines: [{ section: 'hours', key: 'open', value: list(open) }],
    },
  ];
}

/** Weeks in which somebody telephoned outside those half hours, and a lull of them. */
function lateWeeks(presence: Presence, usual: ReadonlySet<number>): Set<number> {
  const near = (slot: number): boolean => [-2, -1, 0, 1, 2].some((by) => usual.has(slot + by));
  return new Set([...presence].filter(([slot]) => !near(slot)).flatMap(([, weeks]) => [...weeks]));
}

/** Accounts that telephone at other times week after week. */
function groups(learner: Learner, present: Present, usual: ReadonlySet<number>): Proposal[] {
  const weeks = learner.weeks.size;
  const late = [...learner.presence].filter(
    ([account, presence]) =>
      !present.ownHours(account) && lateWeeks(presence, usual).size >= Math.max(3, weeks * USUAL),
  );
  const members = late.map(([account]) => account).sort();
  const own = new Set([
    ...usualSlots(
      late.map(([, presence]) => presence),
      weeks,
      1,
    ),
    ...usual,
  ]);
  const times = writeHours(own);
  if (members.length === 0 || times.length === 0 || members.some((name) => /[\p{C}"\\]/u.test(name))) return [];
  let name = 'late';
  while (present.groups.has(name)) name += '-2';
  return [
    {
      kind: 'groups',
      because: `${members.length} account${members.length === 1 ? '' : 's'} telephoned outside office hours in at least a third of the weeks`,
      lines: [
        { section: `groups.${name}`, key: 'members', value: list(members) },
        { section: `groups.${name}`, key: 'hours', value: list(times) },
      ],
    },
  ];
}

const PARTNER_CALLS = 8;
/** from here on a number is held against whoever calls it */
const RISKY = 40;

/** Ranges that are called regularly, the most called first. */
export function partnersOf(learner: Learner): Range[] {
  const least = Math.max(3, learner.weeks.size * USUAL);
  return [...learner.ranges.values()]
    .filter(({ calls, weeks }) => calls >= PARTNER_CALLS && weeks.size >= least)
    .sort((a, b) => b.calls - a.calls || (a.digits < b.digits ? -1 : 1));
}

/** Of them those that a table holds against the caller: lines of `[numbers] risk_file`. */
export const riskyPartners = (learner: Learner): Range[] => partnersOf(learner).filter(({ risk }) => risk >= RISKY);

/** No budget is so small that a talk with a partner reaches it. */
const LEAST = { hour: 10, day: 20, closed: 10 } as const;

/** One, two or five and noughts, at least so much. */
function round(amount: number): number {
  const size = 10 ** Math.floor(Math.log10(amount));
  return (([1, 2, 5, 10].find((n) => n * size >= amount) ?? 10) * size * 100) / 100;
}

function budgets(learner: Learner, present: Present): Proposal[] {
  const lines: SettingLine[] = [];
  for (const scope of ['account', 'site'] as const)
    for (const period of ['hour', 'day', 'closed'] as const) {
      const key = `${scope}_${period}`;
      const set = present.budgets[key];
      if (typeof set !== 'number') continue;
      const sums = [...learner.spent[period]]
        .filter(([who]) => who.startsWith('\n') === (scope === 'site'))
        .map(([, sum]) => sum)
        .filter((sum) => sum > 0)
        .sort((a, b) => a - b);
      // the dearest twentieth may be what a budget is there to stop
      const busy = sums[Math.floor((sums.length - 1) * 0.95)];
      if (busy === undefined || sums.length < 20) continue;
      const proposed = Math.max(round(3 * busy), LEAST[period]);
      if (set < busy || set > 4 * proposed) lines.push({ section: 'detect.spend', key, value: String(proposed) });
    }
  return lines.length === 0
    ? []
    : [{ kind: 'budgets', because: 'Three times what is spent on a busy day or hour (19 of 20 are below)', lines }];
}

/** What the records of at least four weeks suggest. Nothing of it is right because it is usual: somebody has to agree. */
export function propose(learner: Learner, present: Present): Proposal[] {
  if (learner.weeks.size < LEAST_WEEKS) return [];
  const regular = [...learner.presence]
    .filter(([account]) => !present.ownHours(account))
    .map(([, presence]) => presence);
  const usual = usualSlots(regular, learner.weeks.size, regular.length >= 3 ? 2 : 1);
  return [...hours(learner, present, usual), ...groups(learner, present, usual), ...budgets(learner, present)];
}
