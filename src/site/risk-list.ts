import type { ConfigProblem } from '../errors.ts';
import { csvProblems, fieldsOf } from './csv.ts';
import { DigitTrie } from './digit-trie.ts';

/** What a site holds against ranges itself: E.164 prefix -> score 0-100 and why. */
export type RiskList = DigitTrie<{ readonly score: number; readonly why: string }>;

const HELP =
  'one range a line: digits without +, score 0-100[,why], as in 3712,80,revenue share reported by our carrier';

/**
 * Reads a list of ranges: no header, one prefix a line: E.164 digits without +, score 0-100[, why]. Empty lines and lines
 * that begin with # are passed over. Every bad line is a problem with its number (at most twenty are told).
 */
export function parseRiskList(text: string): { readonly list: RiskList; readonly problems: readonly ConfigProblem[] } {
  const list: RiskList = new DigitTrie();
  const problems = csvProblems(text, 'numbers.risk_file', HELP, (line) => addLine(list, line));
  return { list, problems };
}

function addLine(list: RiskList, line: string): string | null {
  const [prefix = '', score = '', ...rest] = fieldsOf(line);
  if (score === '') return 'no score';
  if (!/^\d{1,15}$/.test(prefix)) return `"${prefix.slice(0, 40)}" is no prefix of E.164 digits`;
  if (!/^\d{1,3}$/.test(score) || Number(score) > 100) return `"${score.slice(0, 40)}" is no score from 0 to 100`;
  // a reason may hold commas, quoted or not
  const why = rest
    .join(', ')
    .replace(/^"(.*)"$/, '$1')
    .slice(0, 200);
  return list.add(prefix, { score: Number(score), why }) ? null : `prefix ${prefix} is listed twice`;
}
