import { SEVERITIES, type Severity } from '../model.ts';
import { fit, indented, plain, width, type Painter } from './layout.ts';
import type { ReportBar, ReportPage, ReportTable } from './report-page.ts';

export interface ReportTextOptions {
  readonly paint?: Painter | undefined;
  /** default 100 */
  readonly columns?: number | undefined;
}

/** A report as plain text: for a terminal, and for what cron mails. */
export function reportText(page: ReportPage, options: ReportTextOptions = {}): string {
  const { paint = plain } = options;
  return [
    ...indented(page.title, 0, options).map((line) => paint.bold(line)),
    ...indented(page.period, 0, options),
    ...page.sections.flatMap(({ title, lines, bars, table }) => [
      '',
      paint.bold(title),
      ...lines.flatMap((line) => indented(line, 2, options)),
      ...(bars === undefined ? [] : chart(bars, options)),
      ...(table === undefined ? [] : grid(table, options)),
    ]),
    '',
    ...indented(page.footer, 0, options).map((line) => paint.dim(line)),
    '',
  ].join('\n');
}

/** One letter for each severity where there are no colours. */
const LETTERS: Readonly<Record<Severity, string>> = { info: '.', low: '-', medium: '=', high: '#', critical: '@' };

function chart(bars: readonly ReportBar[], { paint = plain, columns = 100 }: ReportTextOptions): string[] {
  const most = Math.max(...bars.map(totalOf), 1);
  const label = Math.max(...bars.map((bar) => width(bar.label)));
  const room = Math.max(10, Math.min(60, columns - label - 14));
  return bars.map((bar) => {
    const total = totalOf(bar);
    const line = bar.parts
      .map(({ severity, value }) => paint.severity(severity, LETTERS[severity].repeat(lengthOf(value, most, room))))
      .join('');
    return `  ${fit(bar.label, label)}  ${line}${total === 0 ? '' : ` ${total}`}`.trimEnd();
  });
}

export const totalOf = ({ parts }: ReportBar): number => parts.reduce((sum, { value }) => sum + value, 0);

/** A part of a bar that is there is seen. */
const lengthOf = (value: number, most: number, room: number): number => Math.max(1, Math.round((value / most) * room));

/** What a cell's column takes at the most; the widest column gets what is left. */
function grid({ head, right, rows }: ReportTable, { paint = plain, columns = 100 }: ReportTextOptions): string[] {
  const widths = head.map((title, i) => Math.max(width(title), ...rows.map(({ cells }) => width(cells[i] ?? ''))));
  const widest = widths.indexOf(Math.max(...widths));
  const others = widths.reduce((sum, w, i) => sum + (i === widest ? 0 : w + 2), 2);
  widths[widest] = Math.max(16, Math.min(widths[widest] ?? 0, Math.max(60, columns) - others));
  const line = (cells: readonly string[]): string[] => {
    const wrapped = cells.map((cell, i) =>
      i === widest ? indented(cell, 0, { columns: Math.max(40, widths[i] ?? 0) }) : [cell],
    );
    const lines = Math.max(...wrapped.map(({ length }) => length));
    return Array.from({ length: lines }, (_, n) =>
      `  ${wrapped
        .map((parts, i) => {
          const text = parts[n] ?? '';
          const room = widths[i] ?? 0;
          return right.includes(i)
            ? ' '.repeat(Math.max(0, room - width(text))) + text
            : fit(text, Math.max(room, width(text)));
        })
        .join('  ')}`.trimEnd(),
    );
  };
  return [
    ...line(head).map((text) => paint.dim(text)),
    ...rows.flatMap(({ cells, severity }) =>
      line(cells).map((text) => (severity === undefined || SEVERITIES.indexOf(severity) < 3 ? text : paint.bold(text))),
    ),
  ];
}
