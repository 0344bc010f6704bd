import { COLOURS, escapeHtml, TEXT } from './mail-html.ts';
import type { ReportBar, ReportPage, ReportTable } from './report-page.ts';
import { totalOf } from './report-text.ts';

const CELL = 'padding:3px 10px 3px 0;vertical-align:top';
const BAR_WIDTH = 320;

/**
 * A report as one HTML page that mail programs show: its pictures are table cells with a colour and a width, for images are
 * not loaded by many of them, and styles outside of elements, SVG and scripts are thrown away. Nothing is fetched from anywhere.
 */
export function reportHtml(page: ReportPage): string {
  const sections = page.sections.map(({ title, lines, bars, table }) =>
    [
      `<h2 style="font-size:17px;margin:22px 0 6px">${escapeHtml(title)}</h2>`,
      ...lines.map((line) => `<p style="margin:4px 0">${escapeHtml(line)}</p>`),
      ...(bars === undefined ? [] : [chart(bars)]),
      ...(table === undefined ? [] : [grid(table)]),
    ].join('\n'),
  );
  return `<!DOCTYPE html>
<html lang="${escapeHtml(page.language)}"><head><meta charset="utf-8"><title>${escapeHtml(page.title)}</title></head>
<body style="margin:0;padding:16px;${TEXT}">
<h1 style="font-size:21px;margin:0">${escapeHtml(page.title)}</h1>
<p style="margin:2px 0;color:#666">${escapeHtml(page.period)}</p>
${sections.join('\n')}
<p style="color:#777;font-size:12px;border-top:1px solid #ddd;padding-top:8px;margin-top:22px">${escapeHtml(page.footer)}</p>
</body></html>
`;
}

/** Each bar a row; the number beside it says the same to those who see no picture. */
function chart(bars: readonly ReportBar[]): string {
  const most = Math.max(...bars.map(totalOf), 1);
  const rows = bars.map((bar) => {
    const total = totalOf(bar);
    const cells = bar.parts.map(({ severity, value }) => {
      const wide = Math.max(2, Math.round((value / most) * BAR_WIDTH));
      return `<td width="${wide}" bgcolor="${COLOURS[severity]}" style="width:${wide}px;height:14px;background:${COLOURS[severity]};font-size:1px;line-height:1px">&#160;</td>`;
    });
    const picture =
      cells.length === 0
        ? ''
        : `<table cellpadding="0" cellspacing="0" style="border-collapse:collapse"><tr>${cells.join('')}</tr></table>`;
    return `<tr><td style="${CELL};color:#666;font-size:13px">${escapeHtml(bar.label)}</td><td style="padding:3px 8px 3px 0">${picture}</td><td style="font-size:13px">${total === 0 ? '' : total}</td></tr>`;
  });
  return `<table cellpadding="0" cellspacing="0" style="border-collapse:collapse;${TEXT}">\n${rows.join('\n')}\n</table>`;
}

function grid({ head, right, rows }: ReportTable): string {
  const align = (i: number): string => (right.includes(i) ? ';text-align:right' : '');
  const titles = head.map(
    (title, i) =>
      `<th style="${CELL};color:#666;font-weight:normal;text-align:left${align(i)}">${escapeHtml(title)}</th>`,
  );
  const lines = rows.map(({ cells, severity }) => {
    const mark = severity === undefined ? '' : `;border-left:5px solid ${COLOURS[severity]};padding-left:8px`;
    return `<tr>${cells.map((cell, i) => `<td style="${CELL}${align(i)}${i === 0 ? mark : ''}">${escapeHtml(cell)}</td>`).join('')}</tr>`;
  });
  return `<table cellpadding="0" cellspacing="0" style="border-collapse:collapse;margin:6px 0;${TEXT}">\n<tr>${titles.join('')}</tr>\n${lines.join('\n')}\n</table>`;
}
