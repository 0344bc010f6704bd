import type { Action, Evidence, Incident, Millis } from '../model.ts';
import { indented, plain, widthOf, wrap } from './layout.ts';
import type { TextOptions } from './list.ts';
import { visible } from './visible.ts';
import type { ResponseBounds, RuleConditions } from './words.ts';

/** A rule of the policy, as people read it. */
export interface RuleRow extends RuleConditions {
  readonly name: string;
  /** null: done once, nothing stands */
  readonly does: readonly { readonly action: Action; readonly lasts: Millis | null }[];
  readonly never: readonly Action[];
  readonly why: string;
}

/** What a rule made of one piece of evidence, for one action. */
export interface VerdictRow {
  readonly action: Action;
  readonly rule: string;
  readonly forbidden: boolean;
  readonly proposals: readonly {
    readonly target: string;
    readonly until: Millis | null;
    readonly why: string;
    /** the safeguard that would keep it from being done; null: none */
    readonly refused: { readonly code: string; readonly reason: string } | null;
  }[];
  readonly spared: readonly { readonly target: string; readonly reason: string }[];
  /** the setting for which it is only recorded; null: it is done */
  readonly observedBy: string | null;
}

/** One piece of evidence, and what is done about it. */
export interface JudgedRow {
  readonly evidence: Evidence;
  /** as it stood with this evidence in it */
  readonly incident: Incident;
  readonly verdicts: readonly VerdictRow[];
}

/** The rules in their order: when, what, why; then what holds for all of them. */
export function responseTable(rules: readonly RuleRow[], bounds: ResponseBounds, options: TextOptions): string {
  const { words, paint = plain } = options;
  const { response } = words;
  const label = Math.max(...Object.values(response.labels).map((text) => text.length)) + 2;
  const field = (name: string, text: string): string[] =>
    text === '' ? [] : indented(text, 4 + label, options, `    ${name.padEnd(label)}`);
  const lines = [...wrap(response.order, widthOf(options))];
  for (const [index, rule] of rules.entries()) {
    const { labels } = response;
    lines.push(
      '',
      `${String(index + 1).padStart(2)}. ${paint.bold(visible(rule.name, 120))}`,
      ...field(labels.when, response.conditions(rule)),
      ...field(labels.does, rule.does.map(({ action, lasts }) => response.does(action, lasts)).join('; ')),
      ...field(labels.never, response.never(rule.never)),
      ...field(labels.why, visible(rule.why, 200)).map((line) => paint.dim(line)),
    );
  }
  lines.push('', ...response.bounds(bounds).flatMap((line) => wrap(line, widthOf(options))));
  return lines.join('\n');
}

/** Targets of one action that are named; of more, how many. */
const NAMED = 10;
/** Pieces of evidence shown. */
const SHOWN = 100;

function verdictLines(verdict: VerdictRow, evidence: Evidence, options: TextOptions): string[] {
  const { words, zone, paint = plain } = options;
  const { response } = words;
  const { action, proposals, spared, forbidden, observedBy } = verdict;
  const lines: string[] = [];
  if (forbidden) lines.push(...indented(response.forbidden(action, visible(verdict.rule, 120)), 6, options, '    '));
  for (const { target, until, why, refused } of proposals.slice(0, NAMED)) {
    const decision = { id: '', incident: '', at: evidence.at, action, target, until, why, state: 'observed' } as const;
    lines.push(...indented(words.decision(decision, zone), 6, options, '    '));
    if (refused !== null) lines.push(...indented(response.refused(visible(refused.reason, 300)), 8, options));
  }
  if (proposals.length > NAMED) lines.push(`    ${words.more(proposals.length - NAMED)}`);
  const [first] = proposals;
  if (first !== undefined) lines.push(...indented(visible(first.why, 300), 8, options).map((line) => paint.dim(line)));
  if (first !== undefined && observedBy !== null) lines.push(...indented(response.observed(observedBy), 8, options));
  for (const { target, reason } of spared.slice(0, NAMED))
    lines.push(...indented(response.spared(action, visible(target, 80), visible(reason, 200)), 6, options, '    '));
  return lines;
}

/** What would be done about each piece of evidence, by which rule, and who is spared and why. */
export function responseTest(judged: readonly JudgedRow[], options: TextOptions): string {
  const { words, zone, paint = plain } = options;
  const { response } = words;
  const lines: string[] = [];
  for (const { evidence, incident, verdicts } of judged.slice(0, SHOWN)) {
    const severity = paint.severity(evidence.severity, words.severity(evidence.severity));
    const grown = incident.severity === evidence.severity ? '' : ` (${response.grown(incident.severity)})`;
    lines.push(
      ...(lines.length === 0 ? [] : ['']),
      `${words.time(evidence.at, zone)}  ${severity}${grown}  ${visible(evidence.detector, 64)}`,
      ...indented(visible(evidence.summary), 2, options).map((line) => paint.bold(line)),
      ...verdicts.flatMap((verdict) => verdictLines(verdict, evidence, options)),
    );
    if (verdicts.every(({ forbidden, proposals, spared }) => !forbidden && proposals.length + spared.length === 0))
      lines.push(`    ${response.nothing}`);
  }
  if (judged.length > SHOWN) lines.push('', words.more(judged.length - SHOWN));
  return lines.join('\n');
}
