import { createHmac, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { Fact } from '../model.ts';

/**
 * Makes names, numbers and addresses unrecognisable, for good. A number keeps all but its last three digits (country and
 * network are what statistics need), an IPv4 address its /24, an IPv6 address its /48; everything else becomes `~` and eight
 * digits of a keyed hash. The key is drawn for each masker and kept nowhere: within one incident the same name has the
 * same mask, so that its story can still be followed; across incidents, and by trying all extensions, nothing can be found.
 */
export class Masker {
  readonly #key = randomBytes(32);
  /** what was masked as a value, to be found again in sentences */
  readonly #known = new Map<string, string>();
  readonly #only: ReadonlySet<string> | null;

  /** `only`: leave everything but these names as it is */
  constructor(only: Iterable<string> | null = null) {
    this.#only = only === null ? null : new Set(only);
    for (const name of this.#only ?? []) this.value(name);
  }

  /** An account, number, address or other name. */
  value(text: string): string {
    if (text === '' || isMasked(text) || (this.#only !== null && !this.#only.has(text))) return text;
    const masked = (this.#only === null ? shortened(text) : null) ?? this.#pseudonym(text);
    this.#known.set(text, masked);
    return masked;
  }

  #pseudonym(text: string): string {
    return `~${createHmac('sha256', this.#key).update(text).digest('hex').slice(0, 8)}`;
  }

  list(values: readonly string[]): string[] {
    return values.map((one) => this.value(one));
  }

  /** Facts of evidence. What is not known to be harmless is masked. */
  facts(facts: Readonly<Record<string, Fact>>): Record<string, Fact> {
    return Object.fromEntries(
      Object.entries(facts).map(([name, fact]): [string, Fact] => {
        if (this.#only === null && HARMLESS_FACTS.has(name)) return [name, fact];
        if (typeof fact === 'string') return [name, isTime(fact) ? fact : this.value(fact)];
        return [name, Array.isArray(fact) ? this.list(fact as readonly string[]) : fact];
      }),
    );
  }

  /** A sentence: what was masked as a value before, and whatever looks like a number or an address. */
  text(text: string): string {
    let masked = text;
    for (const [value, mask] of [...this.#known].sort(([a], [b]) => b.length - a.length)) {
      if (value.length < 2 || !masked.includes(value)) continue;
      const pattern = value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      // `1004` is not in +4930123451004, in 1004.5 or in ~1004abcd
      masked = masked.replace(new RegExp(`(?<![\\w~+]|\\d\\.)${pattern}(?![\\w]|\\.\\d)`, 'gu'), mask);
    }
    if (this.#only !== null) return masked;
    return masked
      .replace(/\bsips?:[^\s<>"',;]+/gi, (uri) => this.#pseudonym(uri))
      .replace(/(?<![\w~.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)/g, (address) => shortened(address) ?? address)
      .replace(/(?<![\w~:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])/gi, (address) => shortened(address) ?? address)
      .replace(/(?<![\w~.])\+?\d{7,}(?!\w)/g, (number) => shortened(number) ?? number);
  }
}

/** Facts whose text cannot name anybody: kinds, countries, methods, words of ringfence's own. */
export const HARMLESS_FACTS: ReadonlySet<string> = new Set([
  ...['countries', 'methods', 'method', 'transport', 'risk', 'rule', 'measure', 'period', 'scope', 'direction', 'tool'],
  ...['sourceProof', 'currency', 'statuses', 'prefixes', 'kind', 'severity'],
]);

const isTime = (text: string): boolean => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text);
const isMasked = (text: string): boolean => /^~[0-9a-f]{8}$|^\+?\d+xxx$|\.x$|::x$/.test(text);

/** A number without its end, an address without its host; null: it is neither. */
function shortened(text: string): string | null {
  const family = isIP(text);
  if (family === 4) return `${text.slice(0, text.lastIndexOf('.'))}.x`;
  if (family === 6) return `${text.split('::')[0]?.split(':').slice(0, 3).join(':') ?? ''}::x`;
  return /^\+?\d{7,}$/.test(text) ? `${text.slice(0, -3)}xxx` : null;
}
