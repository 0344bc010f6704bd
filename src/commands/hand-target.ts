import { canonicalAddress } from '../address.ts';
import { nearest } from '../config.ts';
import type { Site } from '../site/index.ts';
import { en } from '../words/index.ts';
import type { Unblockable } from './control-methods.ts';

/** What a person named, as it stands at the PBX. */
export interface HandTarget {
  readonly value: string;
  /** how it was read, where it could have been read otherwise */
  readonly read: string | null;
  readonly notes: readonly string[];
}

interface Reading {
  readonly site: () => Site;
  readonly dialing: () => { readonly outside: string; readonly international: readonly string[] };
  readonly endpoints: () => readonly string[] | null;
}

const plain = (value: string): HandTarget => ({ value, read: null, notes: [] });

/** Reads a value as the person who typed it meant it; what makes no sense is left for the safeguards to refuse. */
export function readTarget(kind: Unblockable, value: string, reading: Reading): HandTarget {
  const text = value.trim();
  if (kind === 'address') return plain(canonicalAddress(text) ?? text);
  if (kind === 'number') return readNumber(text, reading);
  return readAccount(text, reading);
}

function readAccount(name: string, { site, endpoints }: Reading): HandTarget {
  const { accounts } = site();
  if (accounts.mapped(name)) return plain(name);
  const resolved = accounts.resolve(name);
  if (resolved !== null && resolved !== name)
    return { value: resolved, read: `${name} is a name of endpoint ${resolved}`, notes: [] };
  const known = endpoints();
  if (known === null) return plain(name);
  const near = nearest(name, known);
  const notes = [`the PBX has no PJSIP endpoint ${name}${near === null ? '' : `; did you mean ${near}?`}`];
  return { value: name, read: null, notes };
}

/** Digits that make a beginning long enough to be read as a number; nothing of them is kept. */
const FILLERS = ['0000', '00000', '000000', '0000000', '00000000'];

/**
 * E.164 digits of a number, or of the beginning of numbers: with a +, as dialled here (`0037167…`, `0900`), or the digits
 * alone. A complete number as dialled goes before digits that could also begin somebody's number abroad.
 */
function readNumber(text: string, { site, dialing }: Reading): HandTarget {
  const bare = text.replace(/[\s\-./()]/g, '');
  if (!/^\+?\d+$/.test(bare)) return plain(text);
  if (bare.startsWith('+')) return told(site(), bare.slice(1), false);
  const here = site();
  const whole = here.number(bare);
  if (!whole.blockable) return plain(bare);
  if (whole.e164 !== null && whole.kind !== 'extension') return told(site(), whole.e164, whole.e164 !== bare);
  const { outside, international } = dialing();
  const line = outside !== '' && bare.startsWith(outside) ? bare.slice(outside.length) : bare;
  // no E.164 number begins with 0: this is the beginning of what is dialled
  const dialled = [bare, line].some((b) => b.startsWith('0') || international.some((prefix) => b.startsWith(prefix)));
  if (!dialled) return told(site(), bare, true);
  for (const filler of FILLERS) {
    const { e164 } = here.number(bare + filler);
    if (e164?.endsWith(filler) === true && e164.length > filler.length)
      return told(site(), e164.slice(0, -filler.length), true);
  }
  return plain(bare);
}

function told(site: Site, digits: string, unsure: boolean): HandTarget {
  const whole = site.number(`+${digits}`);
  if (!['invalid', 'unknown'].includes(whole.kind))
    return { value: digits, read: unsure ? `read as ${en.number(whole)}` : null, notes: [] };
  const place = FILLERS.map((filler) => site.number(`+${digits}${filler}`).place).find((found) => found !== null);
  const where = place === undefined ? '' : ` (${place})`;
  return { value: digits, read: `read as all numbers that begin with +${digits}${where}`, notes: [] };
}
