import type { Decision, Evidence, Incident, Millis } from '../model.ts';
import { brokenBy, type Broken, type RuleText } from './broken.ts';
import { indented, plain, widthOf, wrap } from './layout.ts';
import type { TextOptions } from './list.ts';
import { timelineOf, type Entry } from './timeline.ts';
import { visible } from './visible.ts';
import type { Advice, Words } from './words.ts';

/** Everything known of one incident. */
export interface IncidentStory {
  readonly incident: Incident;
  readonly evidence: readonly Evidence[];
  readonly decisions: readonly Decision[];
  /** why decisions failed: a code by the decision's id. Absent: not known */
  readonly failures?: ReadonlyMap<string, string>;
  readonly acknowledgements: readonly { readonly who: string; readonly at: Millis; readonly note: string }[];
  /** ids of incidents that were merged into it */
  readonly aliases: readonly string[];
  /** who was told, and who is still to be. Absent: not asked */
  readonly deliveries?: readonly TellingOf[];
  /** by detector */
  readonly rules: ReadonlyMap<string, RuleText>;
}

/** Somebody was told of the incident, or is to be. */
export interface TellingOf {
  readonly channel: string;
  readonly kind: 'alert' | 'update' | 'alarm';
  readonly state: 'waiting' | 'told' | 'given-up' | 'dropped';
  readonly at: Millis;
  readonly doneAt: Millis | null;
  readonly nextAt: Millis;
  readonly attempts: number;
  /** what the other side said, or why it failed */
  readonly error: string;
}

export interface ShowOptions extends TextOptions {
  /** commands that there are; advice that names another is given without it. Absent: all */
  readonly commands?: ReadonlySet<string>;
}

const DECISIONS_SHOWN = 20;
const ENTRIES_SHOWN = 120;
const LABEL = 11;

/** `alerts show`: what was seen, by which rule and threshold, what was done, how to undo it, what to do now. */
export function explain(story: IncidentStory, options: ShowOptions): string {
  const { words, paint = plain } = options;
  const { incident } = story;
  const { headings } = words;
  const broken = brokenBy(story.evidence, story.rules);
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', paint.bold(title), ...lines];
  const severity = paint.severity(incident.severity, words.severity(incident.severity).toUpperCase());
  const summary = wrap(words.headline(incident, story.evidence), widthOf(options) - 10);
  return [
    `${severity}  ${summary.map((line) => paint.bold(line)).join(`\n${' '.repeat(10)}`)}`,
    ...section(
      headings.short,
      indented(words.inShort(incident, story.evidence, story.decisions).join(' '), 2, options),
    ),
    '',
    ...overview(story, options),
    ...section(headings.seen, timeline(story, options)),
    ...section(headings.rules, rules(broken, options)),
    ...section(headings.done, decisions(story, options)),
    ...section(headings.told, told(story.deliveries ?? [], options)),
    ...section(headings.undo, undo(story.decisions, options)),
    ...section(headings.now, steps(words.now(incident, story.evidence), options)),
    ...section(headings.legitimate, steps(words.legitimate(incident, story.evidence, broken), options)),
  ].join('\n');
}

function some(values: readonly string[], words: Words, most = 10): string {
  const shown = values.slice(0, most).map((value) => visible(value, 80));
  if (values.length > most) shown.push(words.more(values.length - most));
  return shown.join(', ');
}

function overview({ incident, evidence, acknowledgements, aliases }: IncidentStory, options: ShowOptions): string[] {
  const { words, zone } = options;
  const { headings } = words;
  const last = acknowledgements.at(-1);
  const acknowledged =
    incident.acknowledgedAt === null || last === undefined
      ? headings.nobody
      : words.acknowledgedBy(last.who, last.at, last.note, zone);
  const lasted = words.duration(incident.updatedAt - incident.openedAt);
  const rows: [string, string][] = [
    [headings.incident, visible(incident.id, 64)],
    [headings.aliases, some(aliases, words, 5)],
    [headings.about, words.subject(incident.subject)],
    [headings.began, `${words.time(incident.openedAt, zone)} (${zone.name})`],
    [
      headings.last,
      incident.updatedAt === incident.openedAt ? '' : `${words.time(incident.updatedAt, zone)} (+ ${lasted})`,
    ],
    [headings.loss, incident.loss === null ? '' : words.loss(incident.loss)],
    [headings.accounts, some(incident.accounts, words)],
    [headings.sources, some(incident.sources, words)],
    [headings.calls, some(incident.calls, words)],
    [headings.numbers, some(numbersOf(evidence), words)],
    [headings.acknowledged, acknowledged],
  ];
  return rows
    .filter(([, text]) => text !== '')
    .flatMap(([label, text]) => indented(text, LABEL + 3, options, `  ${label.padEnd(LABEL)} `));
}

/** Numbers that evidence names, each once, as E.164 where it is that. */
export function numbersOf(evidence: readonly Evidence[]): string[] {
  const named = evidence.flatMap(({ facts, subject }): readonly string[] => [
    ...(subject.type === 'number' ? [subject.value] : []),
    ...(Array.isArray(facts['numbers']) ? (facts['numbers'] as readonly string[]) : []),
  ]);
  return [...new Set(named.map((number) => (/^[1-9]\d{6,14}$/.test(number) ? `+${number}` : number)))];
}

/** Columns before the words of a line of the timeline: time of day and severity. */
const MARGIN = 22;

/** What happened by time, a heading per day; evidence each with its facts. */
function timeline(story: IncidentStory, options: ShowOptions): string[] {
  const { words, zone } = options;
  const lines: string[] = [];
  let day = '';
  const { entries, left } = timelineOf(story, ENTRIES_SHOWN);
  // a detector's later words about the same subject are its earlier ones with newer numbers: the last tells them
  const voice = (e: Evidence): string => `${e.detector} ${e.severity} ${e.subject.type} ${e.subject.value}`;
  const last = new Set(
    new Map(entries.flatMap((x) => (x.kind === 'seen' ? [[voice(x.evidence), x.evidence]] : []))).values(),
  );
  for (const [index, entry] of entries.entries()) {
    if (left > 0 && index === Math.ceil(ENTRIES_SHOWN / 2)) lines.push(`  ${words.more(left)}`);
    const today = words.day(entry.at, zone);
    if (today !== day) lines.push(`  ${today}`);
    day = today;
    lines.push(...entryLines(entry, last, options));
  }
  return lines;
}

/** One entry: its time, what kind it is, and what it says. */
function entryLines(entry: Entry, withFacts: ReadonlySet<Evidence>, options: ShowOptions): string[] {
  const { words, zone, paint = plain } = options;
  const clock = words.clock(entry.at, zone);
  const line = (mark: string, text: string): string[] =>
    indented(text, MARGIN, options, `  ${clock}  ${mark}  `.padEnd(MARGIN));
  switch (entry.kind) {
    case 'seen': {
      const { evidence: e } = entry;
      const severity = words.severity(e.severity).padEnd(8);
      const [first = '', ...rest] = wrap(words.summary(e), widthOf(options) - MARGIN);
      const told = withFacts.has(e) ? Object.entries(e.facts) : [];
      const facts = told.map(([name, value]) => words.fact(name, value, zone).join(': '));
      return [
        `  ${clock}  ${paint.severity(e.severity, severity)}  ${first}`,
        ...rest.map((text) => ' '.repeat(MARGIN) + text),
        ...(facts.length === 0 ? [] : indented(facts.join('; '), MARGIN, options).map((text) => paint.dim(text))),
      ];
    }
    case 'moment':
      return line(' '.repeat(8), words.fact(entry.fact, null, zone)[0]).map((text) => paint.dim(text));
    case 'decided': {
      const [first] = entry.decisions;
      if (first === undefined) return [];
      const others = entry.decisions.length === 1 ? '' : `, ${words.alike(entry.decisions.length - 1)}`;
      return line(words.headings.decided.padEnd(8).slice(0, 8), `${words.decision(first, zone)}${others}`);
    }
    case 'acknowledged':
      return line(
        words.headings.looked.padEnd(8).slice(0, 8),
        words.acknowledgedBy(entry.who, entry.at, entry.note, zone),
      );
  }
}

/** What each detector measured, beside its settings: those that were met first. */
function rules(broken: readonly Broken[], options: ShowOptions): string[] {
  const { words, zone, paint = plain } = options;
  return broken.flatMap(({ detector, summary, rules: said, usual, settings }) => {
    // those that say nothing about this are left to `ringfence detectors`
    const measured = settings.filter((s) => s.seen !== null);
    const sorted = (measured.length > 0 ? measured : [...settings]).sort((a, b) => Number(b.met) - Number(a.met));
    return [
      ...indented(`${visible(detector, 64)}${summary === '' ? '' : `: ${visible(summary)}`}`, 4, options, '  '),
      ...said.flatMap((rule) => indented(words.met(rule), 6, options, '    ')),
      ...usual.flatMap(([name, value]) => indented(words.fact(name, value, zone).join(': '), 6, options, '    ')),
      ...sorted.flatMap((s) => {
        const seen = s.seen === null ? '' : ` (${words.measured(s.seen)})`;
        const text = `${visible(s.setting, 64)} = ${visible(s.value, 80)}${seen}: ${visible(s.help)}`;
        return indented(text, 6, options, '    ').map((line) => (s.met ? line : paint.dim(line)));
      }),
    ];
  });
}

function decisions({ decisions: all, failures }: IncidentStory, options: ShowOptions): string[] {
  const { words, zone, paint = plain } = options;
  if (all.length === 0) return [`  ${words.headings.nothingDone}`];
  const lines = all.every((d) => d.state === 'observed') ? indented(words.headings.onlyObserved, 2, options) : [];
  for (const d of all.slice(0, DECISIONS_SHOWN)) {
    const code = d.state === 'failed' ? failures?.get(d.id) : undefined;
    const why = code === undefined ? '' : `: ${words.failure(code)}`;
    lines.push(...indented(`${words.decision(d, zone)}${why}`, 4, options, '  '));
    lines.push(...indented(words.reason(d.why), 4, options).map((line) => paint.dim(line)));
  }
  if (all.length > DECISIONS_SHOWN) lines.push(`  ${words.more(all.length - DECISIONS_SHOWN)}`);
  return lines;
}

function told(all: readonly TellingOf[], options: ShowOptions): string[] {
  const { words, zone } = options;
  const lines = all
    .slice(-DECISIONS_SHOWN)
    .flatMap((delivery) => indented(words.told(delivery, zone), 4, options, '  '));
  return all.length > DECISIONS_SHOWN ? [`  ${words.more(all.length - DECISIONS_SHOWN)}`, ...lines] : lines;
}

function undo(all: readonly Decision[], options: ShowOptions): string[] {
  const { words } = options;
  const found = all.flatMap((d) => words.undo(d) ?? []);
  const distinct = found.filter((a, i) => found.findIndex((b) => b.text === a.text) === i);
  return distinct.length === 0
    ? [`  ${words.headings.nothingToUndo}`]
    : steps(distinct.slice(0, DECISIONS_SHOWN), options);
}

function steps(advice: readonly Advice[], options: ShowOptions): string[] {
  const { paint = plain, commands } = options;
  return advice.flatMap(({ text, command, settings = [] }, i) => {
    const lines = indented(text, 5, options, `  ${String(i + 1)}. `);
    const verb = command?.split(' ')[1];
    // A command is one line, however wide, so that it can be copied.
    if (command !== undefined && (commands === undefined || commands.has(verb ?? '')))
      lines.push(`     ${paint.bold(command)}`);
    // lines of the settings file, as they are pasted
    return [...lines, ...settings.map((line) => `       ${paint.bold(line)}`)];
  });
}
