import type { Severity } from '../model.ts';

/** How text is made to stand out; `plain` where there is no terminal. Colours are the caller's business. */
export interface Painter {
  bold(text: string): string;
  dim(text: string): string;
  severity(severity: Severity, text: string): string;
}

const same = (text: string): string => text;
export const plain: Painter = { bold: same, dim: same, severity: (_severity, text) => text };

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const MARK = /\p{M}/u;

const columnsOf = (character: string): number => {
  if (character < '\u0300') return 1;
  return MARK.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
};

/** Columns that text takes on a terminal (East Asian wide characters two, combining marks none). */
export function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOf(character);
  return columns;
}

/** Text filled up with blanks to `columns`; what is longer ends in `…`. */
export function fit(text: string, columns: number): string {
  const wide = width(text);
  if (wide <= columns) return text + ' '.repeat(columns - wide);
  let kept = '';
  let used = 0;
  for (const character of text) {
    const more = columnsOf(character);
    if (used + more > columns - 1) break;
    kept += character;
    used += more;
  }
  return `${kept}…${' '.repeat(columns - 1 - used)}`;
}

/** Columns that text is laid out for: those of the terminal, but never fewer than 40; 100 where there is none. */
export const widthOf = ({ columns = 100 }: { readonly columns?: number | undefined }): number => Math.max(40, columns);

/** Text under an indent, wrapped to the width; `first` stands in front of its first line instead. */
export const indented = (
  text: string,
  indent: number,
  options: { readonly columns?: number | undefined },
  first = ' '.repeat(indent),
): string[] => wrap(text, widthOf(options) - indent).map((line, i) => (i === 0 ? first : ' '.repeat(indent)) + line);

/** Breaks text at blanks into lines of at most `columns`; a word that is longer is cut into pieces. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  let used = 0;
  const put = (word: string, wide: number): void => {
    if (line !== '' && used + 1 + wide > columns) {
      lines.push(line);
      line = '';
      used = 0;
    }
    line += line === '' ? word : ` ${word}`;
    used += wide + (used === 0 ? 0 : 1);
  };
  for (const word of text.split(' ')) {
    let piece = '';
    let wide = 0;
    for (const character of word) {
      const more = columnsOf(character);
      if (wide + more > columns) {
        put(piece, wide);
        piece = '';
        wide = 0;
      }
      piece += character;
      wide += more;
    }
    if (piece !== '') put(piece, wide);
  }
  if (line !== '' || lines.length === 0) lines.push(line);
  return lines;
}
