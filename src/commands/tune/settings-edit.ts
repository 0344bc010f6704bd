import type { SettingLine } from './propose.ts';

/** Brackets that a line opens and does not close, outside of strings and comments. */
function depth(line: string): number {
  let open = 0;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? '';
    if (quote !== '') {
      if (c === '\\' && quote === '"') i++;
      else if (c === quote) quote = '';
    } else if (c === '"' || c === "'") quote = c;
    else if (c === '#') break;
    else if (c === '[' || c === '{') open++;
    else if (c === ']' || c === '}') open--;
  }
  return open;
}

const isHeader = (line: string): boolean => /^\s*\[/.test(line);

/**
 * A settings file with these lines in it; all else stays as it was written, comments too. A value that stands there is
 * replaced in its place, a section that does not is added at the end. Dotted keys and inline tables are not looked into:
 * check what comes out.
 */
export function withLines(text: string, lines: readonly SettingLine[]): string {
  const out = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  for (const { section, key, value } of lines) {
    const header = out.findIndex((line) => line.replace(/#.*$/, '').trim() === `[${section}]`);
    if (header < 0) {
      out.push(...(out.length === 0 ? [] : ['']), `[${section}]`, `${key} = ${value}`);
      continue;
    }
    let at = header + 1;
    let open = 0;
    let found = -1;
    let until = -1;
    for (; at < out.length; at++) {
      const line = out[at] ?? '';
      if (open === 0 && isHeader(line)) break;
      if (open === 0 && found < 0 && line.split('=')[0]?.trim() === key) found = at;
      open += depth(found === at ? line.slice(line.indexOf('=') + 1) : line);
      if (found >= 0 && until < 0 && open === 0) until = at;
    }
    if (found < 0) out.splice(header + 1, 0, `${key} = ${value}`);
    else out.splice(found, until - found + 1, `${key} = ${value}`);
  }
  return `${out.join('\n')}\n`;
}
