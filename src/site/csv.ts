import type { ConfigProblem } from '../errors.ts';

/** Problems told of one file; a wrong file has as many as lines. */
const PROBLEMS_TOLD = 20;

/** The fields of a line that has no commas within quotes. */
export const fieldsOf = (line: string): string[] =>
  line.split(',').map((field) => field.trim().replace(/^"(.*)"$/, '$1'));

/**
 * Goes through the lines of a list that people keep by hand, without a header; empty lines and those that begin with # are
 * passed over. `take` gives what is wrong with a line, or null.
 * @returns the problems, each with the number of its line; at most twenty, then how many more
 */
export function csvProblems(
  text: string,
  path: string,
  help: string,
  take: (line: string) => string | null,
): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  let bad = 0;
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const problem = line.trim() === '' || line.startsWith('#') ? null : take(line);
    if (problem === null) continue;
    if (++bad <= PROBLEMS_TOLD) problems.push({ path, message: `line ${index + 1}: ${problem}`, help });
  }
  if (bad > PROBLEMS_TOLD) problems.push({ path, message: `${bad - PROBLEMS_TOLD} more bad lines` });
  return problems;
}
