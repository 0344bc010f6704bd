import { parsed, refused, type Parsed } from '../parsed.ts';

/**
 * JSON that has one form only, for what is signed, sealed or compared: printable ASCII, no blank outside strings, neither `"`
 * nor `\` inside them, every key there, in order, none else; bytes are unpadded base64url. A reader builds what it read again
 * and refuses other bytes, so there is no duplicate or unknown key and no second spelling.
 */

/** What a field holds: text, a whole number, bytes (of that length), several of those. */
type Kind = 'text' | 'integer' | 'bytes' | 'list' | number;
export type Shape = Readonly<Record<string, Kind>>;

type Of<K extends Kind> = K extends 'text'
  ? string
  : K extends 'integer'
    ? number
    : K extends 'list'
      ? readonly Uint8Array[]
      : Uint8Array;
export type Shaped<S extends Shape> = { readonly [N in keyof S]: Of<S[N]> };

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');

/** Canonical base64url; null for every other text. */
export function bytesOf(encoded: string): Uint8Array | null {
  const bytes = Buffer.from(encoded, 'base64url');
  return text(bytes) === encoded ? new Uint8Array(bytes) : null;
}

/** Writes fields in the order of `shape`. @throws TypeError when text holds what it must not: check names where they come in */
export function writeExact<S extends Shape>(shape: S, value: Shaped<S>): Uint8Array {
  const plain = (field: string | number | Uint8Array): string | number =>
    typeof field === 'object' ? text(field) : field;
  const fields = Object.keys(shape).map((name) => {
    const field = value[name] as string | number | Uint8Array | readonly Uint8Array[];
    return [name, Array.isArray(field) ? field.map((one: Uint8Array) => text(one)) : plain(field as string)];
  });
  const json = JSON.stringify(Object.fromEntries(fields));
  if (!isPlain(json)) throw new TypeError('text that does not fit into exact JSON');
  return Buffer.from(json, 'latin1');
}

const isPlain = (json: string): boolean => /^[\x20-\x7e]*$/.test(json) && !json.includes('\\');

/** Reads what `writeExact` writes, and nothing else. */
export function readExact<S extends Shape>(shape: S, bytes: Uint8Array): Parsed<Shaped<S>> {
  const json = Buffer.from(bytes).toString('latin1');
  if (!isPlain(json)) return refused('not plain JSON');
  let tree: unknown;
  try {
    tree = JSON.parse(json);
  } catch {
    return refused('not JSON');
  }
  if (typeof tree !== 'object' || tree === null) return refused('not an object');
  const found: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(shape)) {
    const value = fieldOf(kind, (tree as Record<string, unknown>)[name]);
    if (value === null) return refused(`${name} is missing or not what it should be`);
    found[name] = value;
  }
  const value = found as Shaped<S>;
  const again = Buffer.from(writeExact(shape, value));
  return again.equals(bytes) ? parsed(value) : refused('not in its one form');
}

function fieldOf(kind: Kind, value: unknown): string | number | Uint8Array | readonly Uint8Array[] | null {
  if (kind === 'integer') return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
  if (kind === 'list') {
    if (!Array.isArray(value)) return null;
    const all = value.map((one) => (typeof one === 'string' ? bytesOf(one) : null));
    return all.every((one) => one !== null) ? all : null;
  }
  if (typeof value !== 'string') return null;
  if (kind === 'text') return value;
  const bytes = bytesOf(value);
  return bytes === null || (kind !== 'bytes' && bytes.length !== kind) ? null : bytes;
}
