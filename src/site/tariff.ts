import type { ConfigProblem } from '../errors.ts';
import { csvProblems, fieldsOf } from './csv.ts';
import { DigitTrie } from './digit-trie.ts';

/** What a call costs, in currency units. */
export interface Rate {
  readonly perMinute: number;
  /** per answered call */
  readonly connection: number;
}

const AMOUNT = /^\d{1,9}(?:\.\d{1,9})?$/;
const HELP = 'one prefix a line: digits without +, rate per minute[,connection fee], as in 371,0.25,0.05';

/** Price of a call of so many seconds, billed by the second; one that was not answered costs nothing. */
export const priceOf = ({ perMinute, connection }: Rate, seconds: number): number =>
  seconds <= 0 ? 0 : connection + (perMinute * seconds) / 60;

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

  /** By the longest listed prefix of E.164 digits; null: no prefix is listed. */
  rate(e164: string): Rate | null {
    return this.#rates.longest(e164)?.value ?? null;
  }

  /** Price of a call to E.164 digits, billed by the second; null: no prefix is listed. */
  price(e164: string, seconds: number): number | null {
    const rate = this.rate(e164);
    return rate === null ? null : priceOf(rate, seconds);
  }
}

/**
 * Reads a tariff: no header, one prefix a line: E.164 digits without +, rate per minute[, connection fee]. Empty lines and
 * lines that begin with # are passed over. Every bad line is a problem with its number (at most twenty are told).
 */
export function parseTariff(text: string): { readonly tariff: Tariff; readonly problems: readonly ConfigProblem[] } {
  const tariff = new Tariff();
  return { tariff, problems: csvProblems(text, 'tariff.file', HELP, (line) => addLine(tariff, line)) };
}

function addLine(tariff: Tariff, line: string): string | null {
  const fields = fieldsOf(line);
  const [prefix = '', perMinute = '', connection = '0'] = fields;
  if (fields.length < 2 || fields.length > 3)
    return `${fields.length} field${fields.length === 1 ? '' : 's'}, not 2 or 3`;
  if (!/^\d{1,15}$/.test(prefix)) return `"${prefix.slice(0, 40)}" is no prefix of E.164 digits`;
  if (!AMOUNT.test(perMinute)) return `"${perMinute.slice(0, 40)}" is no rate`;
  if (!AMOUNT.test(connection)) return `"${connection.slice(0, 40)}" is no connection fee`;
  return tariff.add(prefix, Number(perMinute), Number(connection)) ? null : `prefix ${prefix} is listed twice`;
}
