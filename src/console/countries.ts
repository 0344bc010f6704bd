import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { canonicalAddress } from '../address.ts';
import { InputError, messageOf } from '../errors.ts';

/** Where addresses are: ranges in order, found by halving. 32 bits of IPv4, the upper 64 of IPv6. */
interface Ranges {
  readonly first: BigUint64Array;
  readonly last: BigUint64Array;
  readonly country: Uint16Array;
}

const LINE = /^"?([0-9a-fA-F.:]{2,45})"?,"?([0-9a-fA-F.:]{2,45})"?,"?([A-Za-z]{2})"?\s*(?:,|$)/;

/** Its number, and of which family: 32 bits of IPv4, the first 64 bits of IPv6; null: no address. */
function numberOf(address: string): { readonly value: bigint; readonly four: boolean } | null {
  if (isIPv4(address)) {
    const parts = address.split('.').map(Number);
    return { value: BigInt(parts.reduce((sum, part) => sum * 256 + part, 0)), four: true };
  }
  const canonical = canonicalAddress(address);
  if (canonical?.includes(':') !== true) return null;
  const [head = '', tail] = canonical.split('::') as [string?, string?];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  const value = groups.slice(0, 4).reduce((sum, group) => (sum << 16n) | BigInt(parseInt(group, 16)), 0n);
  return { value, four: false };
}

const codeOf = (country: string): number => country.charCodeAt(0) * 256 + country.charCodeAt(1);

function pack(rows: readonly { first: bigint; last: bigint; country: number }[]): Ranges {
  const sorted = rows.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  return {
    first: BigUint64Array.from(sorted, ({ first }) => first),
    last: BigUint64Array.from(sorted, ({ last }) => last),
    country: Uint16Array.from(sorted, ({ country }) => country),
  };
}

function find({ first, last, country }: Ranges, value: bigint): string | null {
  let [low, high] = [0, first.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if ((first[middle] ?? 0n) > value) high = middle - 1;
    else if ((last[middle] ?? 0n) < value) low = middle + 1;
    else return String.fromCharCode((country[middle] ?? 0) >> 8, (country[middle] ?? 0) & 255);
  }
  return null;
}

/**
 * Reads a table of address ranges: `first,last,country` a line, as the free country tables have it (further columns are left
 * alone). @returns country of an address (ISO 3166-1), null where the table knows none
 * @throws InputError
 */
export function readCountries(path: string): (address: string) => string | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError('input-unreadable', `[console] countries_file: cannot read ${path}: ${messageOf(error)}`);
  }
  const [four, six]: { first: bigint; last: bigint; country: number }[][] = [[], []];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, from = '', to = '', country = ''] = LINE.exec(line) ?? [];
    const [first, last] = [numberOf(from), numberOf(to)];
    if (first === null || last?.four !== first.four || last.value < first.value)
      throw new InputError(
        'input-malformed',
        `[console] countries_file: ${path}, line ${index + 1} is not "first address,last address,country"`,
      );
    (first.four ? four : six)?.push({ first: first.value, last: last.value, country: codeOf(country.toUpperCase()) });
  }
  const [v4, v6] = [pack(four ?? []), pack(six ?? [])];
  return (address) => {
    const found = numberOf(address);
    return found === null ? null : find(found.four ? v4 : v6, found.value);
  };
}
