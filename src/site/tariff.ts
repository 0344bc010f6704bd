import type { ConfigProblem } from '../errors.ts';
import { DigitTrie } from './digit-trie.ts';

interface Rate {
  /** currency units per minute */
  readonly perMinute: number;
  /** currency units per answered call */
  readonly connection: number;
}

const AMOUNT = /^\d{1,9}(?:\.\d{1,9})?$/;
/** Problems told of one file; a wrong file has as many as lines. */
const PROBLEMS_TOLD = 20;

/** Prices by destination. */
export class Tariff {
  readonly #rates = new DigitTrie<Rate>();

  /** Count of prefixes. */
  get size(): number {
    return this.#rates.size;
  }

  add(prefix: string, perMinute: number, connection: number): boolean {
    return this.#rates.add(prefix, { perMinute, connection });
  }

  /** Price of a call to E.164 digits by the longest listed prefix, billed by the second; null: no prefix is listed. */
  price(e164: string, seconds: number): number | null {
    const rate = this.#rates.longest(e164)?.value;
    if (rate === undefined) return null;
    return seconds <= 0 ? 0 : rate.connection + (rate.perMinute * seconds) / 60;
  }
}

/**
 * Reads a tariff: no header, one prefix a line: E.164 digits without +, rate per minute[, connection fee]. Empty lines and
 * lines that begin with # are passed over. Every bad line is a problem with its number (at most twenty are told).
 */
export function parseTariff(text: string): { readonly tariff: Tariff; readonly problems: readonly ConfigProblem[] } {
  const tariff = new Tariff();
  const problems: ConfigProblem[] = [];
  let bad = 0;
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
  for (const [index, line] of lines.entries()) {
    const problem = line.trim() === '' || line.startsWith('#') ? null : addLine(tariff, line);
    if (problem === null) continue;
    bad++;
    if (bad <= PROBLEMS_TOLD)
      problems.push({
        path: 'tariff.file',
        message: `line ${index + 1}: ${problem}`,
        help: 'one prefix a line: digits without +, rate per minute[,connection fee], as in 371,0.25,0.05',
      });
  }
  if (bad > PROBLEMS_TOLD) problems.push({ path: 'tariff.file', message: `${bad - PROBLEMS_TOLD} more bad lines` });
  return { tariff, problems };
}

function addLine(tariff: Tariff, line: string): string | null {
  const fields = line.split(',').map((field) => field.trim().replace(/^"(.*)"$/, '$1'));
  const [prefix = '', perMinute = '', connection = '0'] = fields;
  if (fields.length < 2 || fields.length > 3)
    return `${fields.length} field${fields.length === 1 ? '' : 's'}, not 2 or 3`;
  if (!/^\d{1,15}$/.test(prefix)) return `"${prefix.slice(0, 40)}" is no prefix of E.164 digits`;
  if (!AMOUNT.test(perMinute)) return `"${perMinute.slice(0, 40)}" is no rate`;
  if (!AMOUNT.test(connection)) return `"${connection.slice(0, 40)}" is no connection fee`;
  return tariff.add(prefix, Number(perMinute), Number(connection)) ? null : `prefix ${prefix} is listed twice`;
}
