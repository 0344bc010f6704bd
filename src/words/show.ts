import type { Decision, Evidence, Incident, Millis } from '../model.ts';
import { plain, wrap } from './layout.ts';
import type { TextOptions } from './list.ts';
import { visible } from './visible.ts';
import type { Advice, Words } from './words.ts';

/** What a detector is and how it is set, for people; made from its definition by the caller. */
export interface RuleText {
  readonly summary: string;
  readonly settings: readonly { readonly name: string; readonly value: string; readonly help: string }[];
}

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
  /** by detector */
  readonly rules: ReadonlyMap<string, RuleText>;
}

export interface ShowOptions extends TextOptions {
  /** commands that there are; advice that names another is given without it. Absent: all */
  readonly commands?: ReadonlySet<string>;
}

const DECISIONS_SHOWN = 20;
const EVIDENCE_SHOWN = 100;
const LABEL = 11;

/** `alerts show`: what was seen, by which rule and threshold, what was done, how to undo it, what to do now. */
export function explain(story: IncidentStory, options: ShowOptions): string {
  const { words, paint = plain } = options;
  const { incident } = story;
  const { headings } = words;
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', paint.bold(title), ...lines];
  const severity = paint.severity(incident.severity, words.severity(incident.severity).toUpperCase());
  const summary = wrap(visible(incident.summary), widthOf(options) - 10);
  return [
    `${severity}  ${summary.map((line) => paint.bold(line)).join(`\n${' '.repeat(10)}`)}`,
    '',
    ...overview(story, options),
    ...section(headings.seen, timeline(story.evidence, options)),
    ...section(headings.rules, rules(story, options)),
    ...section(headings.done, decisions(story, options)),
    ...section(headings.undo, undo(story.decisions, options)),
    ...section(headings.now, steps(words.now(incident, story.evidence), options)),
    ...section(headings.legitimate, steps(words.legitimate(incident, story.evidence), options)),
  ].join('\n');
}

const widthOf = (options: ShowOptions): number => Math.max(40, options.columns ?? 100);

/** Text under an indent, wrapped to the width. */
const indented = (text: string, indent: number, options: ShowOptions, first = ' '.repeat(indent)): string[] =>
  wrap(text, widthOf(options) - indent).map((line, i) => (i === 0 ? first : ' '.repeat(indent)) + line);

function some(values: readonly string[], words: Words, most = 10): string {
  const shown = values.slice(0, most).map((value) => visible(value, 80));
  if (values.length > most) shown.push(words.more(values.length - most));
  return shown.join(', ');
}

function overview({ incident, acknowledgements, aliases }: IncidentStory, options: ShowOptions): string[] {
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
    [headings.acknowledged, acknowledged],
  ];
  return rows
    .filter(([, text]) => text !== '')
    .flatMap(([label, text]) => indented(text, LABEL + 3, options, `  ${label.padEnd(LABEL)} `));
}

/** Evidence by time, a heading per day, each with its facts. */
function timeline(evidence: readonly Evidence[], options: ShowOptions): string[] {
  const { words, zone, paint = plain } = options;
  const lines: string[] = [];
  let day = '';
  const ordered = [...evidence].sort((a, b) => a.at - b.at);
  for (const e of ordered.slice(0, EVIDENCE_SHOWN)) {
    const today = words.day(e.at, zone);
    if (today !== day) lines.push(`  ${today}`);
    day = today;
    const severity = words.severity(e.severity).padEnd(8);
    const [first = '', ...rest] = wrap(visible(e.summary), widthOf(options) - 22);
    lines.push(`  ${words.clock(e.at, zone)}  ${paint.severity(e.severity, severity)}  ${first}`);
    lines.push(...rest.map((line) => ' '.repeat(22) + line));
    const facts = Object.entries(e.facts).map(([name, value]) => words.fact(name, value, zone).join(': '));
    if (facts.length > 0) lines.push(...indented(facts.join('; '), 22, options).map((line) => paint.dim(line)));
  }
  if (ordered.length > EVIDENCE_SHOWN) lines.push(`  ${words.more(ordered.length - EVIDENCE_SHOWN)}`);
  return lines;
}

function rules({ evidence, rules: known }: IncidentStory, options: ShowOptions): string[] {
  const detectors = [...new Set(evidence.map((e) => e.detector))];
  return detectors.flatMap((detector) => {
    const rule = known.get(detector);
    if (rule === undefined) return [`  ${visible(detector, 64)}`];
    return [
      ...indented(`${visible(detector, 64)}: ${visible(rule.summary)}`, 4, options, '  '),
      ...rule.settings.flatMap((s) =>
        indented(`${visible(s.name, 64)} = ${visible(s.value, 80)}: ${visible(s.help)}`, 6, options, '    '),
      ),
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
    lines.push(...indented(visible(d.why), 4, options).map((line) => paint.dim(line)));
  }
  if (all.length > DECISIONS_SHOWN) lines.push(`  ${words.more(all.length - DECISIONS_SHOWN)}`);
  return lines;
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
  return advice.flatMap(({ text, command }, i) => {
    const lines = indented(text, 5, options, `  ${String(i + 1)}. `);
    const verb = command?.split(' ')[1];
    // A command is one line, however wide, so that it can be copied.
    if (command !== undefined && (commands === undefined || commands.has(verb ?? '')))
      lines.push(`     ${paint.bold(command)}`);
    return lines;
  });
}
