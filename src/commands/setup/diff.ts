const CONTEXT = 3;
/** Above this many comparisons the changed part is shown as one piece. */
const MOST = 4_000_000;

interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** Lines that both texts have, in order, as long as can be; the rest taken out or put in. */
function compared(before: readonly string[], after: readonly string[]): Line[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let tail = 0;
  while (
    tail < before.length - start &&
    tail < after.length - start &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  )
    tail++;
  const a = before.slice(start, before.length - tail);
  const b = after.slice(start, after.length - tail);
  const line = (sign: Line['sign']) => (text: string) => ({ sign, text });
  return [
    ...before.slice(0, start).map(line(' ')),
    ...(a.length * b.length > MOST ? [...a.map(line('-')), ...b.map(line('+'))] : middle(a, b)),
    ...before.slice(before.length - tail).map(line(' ')),
  ];
}

/** By the table of longest common subsequences. */
function middle(a: readonly string[], b: readonly string[]): Line[] {
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      longest[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i] ?? '' });
      i++;
      j++;
    } else if (i < a.length && (j >= b.length || at(i + 1, j) >= at(i, j + 1)))
      lines.push({ sign: '-', text: a[i++] ?? '' });
    else lines.push({ sign: '+', text: b[j++] ?? '' });
  }
  return lines;
}

/** Lines of a file; the last one has its line end or not. */
export const linesOf = (text: string): string[] => {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
};

/**
 * A unified diff of two texts, as patch(1) takes it; '' where they are the same. `before` null: the file is not there yet.
 */
export function unifiedDiff(path: string, before: string | null, after: string): string {
  if (before === after) return '';
  const lines = compared(linesOf(before ?? ''), linesOf(after));
  const changed = lines.flatMap(({ sign }, index) => (sign === ' ' ? [] : [index]));
  const hunks: { from: number; to: number }[] = [];
  for (const index of changed) {
    const last = hunks.at(-1);
    if (last !== undefined && index - CONTEXT <= last.to) last.to = Math.min(lines.length, index + CONTEXT + 1);
    else hunks.push({ from: Math.max(0, index - CONTEXT), to: Math.min(lines.length, index + CONTEXT + 1) });
  }
  const out = [before === null ? '--- /dev/null' : `--- ${path}`, `+++ ${path}`];
  for (const { from, to } of hunks) {
    const count = (part: readonly Line[], sign: '-' | '+'): number =>
      part.filter((line) => line.sign === ' ' || line.sign === sign).length;
    const part = lines.slice(from, to);
    const place = (sign: '-' | '+'): string => {
      const length = count(part, sign);
      const first = count(lines.slice(0, from), sign);
      return `${length === 0 ? first : first + 1},${length}`;
    };
    out.push(`@@ -${place('-')} +${place('+')} @@`, ...part.map(({ sign, text }) => `${sign}${text}`));
  }
  return `${out.join('\n')}\n`;
}
