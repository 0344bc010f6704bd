import type { Weakness } from '../../words/index.ts';
import { dates, patterns } from './patterns.ts';
import { capital, listed, reversed, TAILS, years } from './texts.ts';
import { DICTIONARY, VENDOR_DEFAULTS } from './words.ts';

export interface Candidate {
  readonly text: string;
  readonly weakness: Weakness;
}

/** Whose secret it is. */
export interface Owner {
  /** user names and endpoint ids of the account */
  readonly names: readonly string[];
  /** display names, as its telephone or the PBX tells them */
  readonly people: readonly string[];
  /** names of the company or site: site.name, realm, host names */
  readonly sites: readonly string[];
}

/** Behind a year or a number people put one of these. */
const YEAR_TAILS: readonly string[] = years(2010).flatMap((year) => [`${year}!`, `@${year}`, `-${year}`, `_${year}`]);

const LEET: Readonly<Record<string, string>> = { a: '4', e: '3', i: '1', o: '0', s: '5', t: '7' };
const swapped = (word: string, letters: string, of = LEET): string =>
  Array.from(word, (c) => (letters.includes(c) ? (of[c] ?? c) : c)).join('');

/** Tails that go behind anything; the others go behind the plain forms of a word alone. */
const SHORT_TAILS: readonly string[] = ['', '1', '12', '123', '1234', '!', '1!', '123!', '01', '2024', '2025', '2026'];

/** A word as people disguise it. */
function disguises(word: string): string[] {
  const low = word.toLowerCase();
  const at = low.replaceAll('a', '@');
  return [
    ...[reversed(low), low + low, capital(low) + capital(low), low.replaceAll(/[aeiou]/g, '')],
    ...['o', 'e', 'ae', 'ao', 'eo', 'is', 'aeio', 'aeios', 'aeiost'].map((letters) => swapped(low, letters)),
    ...['o', 'e', 'aeio', 'aeios'].map((letters) => capital(swapped(low, letters))),
    ...[at, capital(at), at.replaceAll('o', '0'), capital(at).replaceAll('o', '0')],
    ...[
      low.replaceAll('s', '$'),
      capital(at).replaceAll('s', '$'),
      capital(at).replaceAll('s', '$').replaceAll('o', '0'),
    ],
  ].filter((form) => form !== low);
}

function* withTails(word: string): Generator<string> {
  const low = word.toLowerCase();
  for (const form of new Set([word, low, capital(low), low.toUpperCase()])) for (const tail of TAILS) yield form + tail;
  for (const form of new Set(disguises(word))) for (const tail of SHORT_TAILS) yield form + tail;
  for (const form of [low, capital(low)]) {
    for (const tail of YEAR_TAILS) yield form + tail;
    for (const head of ['1', '12', '123', '1234', '!', '0', '00', 'my', 'the', 'mein']) yield head + form;
  }
}

const HEADS =
  listed(`ext ext- ext_ ext. exten extension Ext EXT x X e n nst tel Tel telefon phone Phone sip SIP Sip pbx PBX voip iax user User u p
  pw PW pwd pass Pass password Password passwort Passwort secret Secret test asterisk Asterisk 0 00 1 9 12 123 ! # * dect a A`);
const BEHIND = listed(
  `a b c d e f g h i j k l m n o p q r s t u v w x y z abc ABC xyz pw pass Pass sip pbx tel ext secret password #*`,
);

/** An extension number and what is made of it. */
function* variations(name: string): Generator<Candidate> {
  yield { text: name, weakness: 'extension-number' };
  const made = function* (): Generator<string> {
    const back = reversed(name);
    yield* [back, name + name, name + name + name, name.repeat(4), name + back, back + name, back + back];
    yield* [
      capital(name),
      name.toUpperCase(),
      name.toLowerCase(),
      `${name}-${name}`,
      `${name}.${name}`,
      `${name}_${name}`,
    ];
    for (const tail of [...TAILS, ...YEAR_TAILS, ...BEHIND]) yield* [name + tail, back + tail, name + name + tail];
    for (const head of HEADS)
      for (const joint of ['', '-', '_', '.', '@', '#', '!', ' '])
        yield* [head + joint + name, head + joint + name + '!', head + joint + name + joint + head];
    for (const word of DICTIONARY)
      for (const form of [word, capital(word), word.toUpperCase()])
        yield* [form + name, name + form, `${form}${name}!`, `${form}@${name}`, `${form}-${name}`, `${name}@${form}`];
    const number = Number(name);
    if (/^\d{1,9}$/.test(name))
      for (const near of [number - 1, number + 1, number + 10, number + 100, number + 1000, number * 2])
        yield String(Math.max(0, near)).padStart(name.length, '0');
  };
  for (const text of made()) yield { text, weakness: 'extension-variation' };
}

/** Parts of a name: `head-office.example.com` gives head, office, example, com, headoffice. */
function parts(text: string): string[] {
  const found = text.split(/[^\p{L}\p{N}]+/u).filter((part) => part.length >= 2);
  const runs = [found, ...found.slice(1).map((part, i) => [found[i] ?? '', part])];
  const joined = runs.flatMap((run) => [run.join(''), run.map(capital).join(''), run.join('-')]);
  const initials = found.map((part) => part.charAt(0)).join('');
  return [...new Set([...found, ...joined, initials, text])].filter((part) => part.length >= 2 && part.length <= 64);
}

function* of(weakness: Weakness, texts: Iterable<string>): Generator<Candidate> {
  for (const text of texts) yield { text, weakness };
}

/** Is it a number, so that what is made of it is not a name's but an extension's? */
const isExtension = (name: string): boolean => /\d/.test(name) && name.length <= 12;

/** Likely secrets of one account, made of what it and its site are called. */
export function* ownCandidates(owner: Owner): Generator<Candidate> {
  yield { text: '', weakness: 'empty' };
  for (const name of owner.names) yield* variations(name);
  for (const name of owner.names.filter((one) => !isExtension(one))) yield* of('name-variation', withTails(name));
  for (const name of owner.people) for (const part of parts(name)) yield* of('name-variation', withTails(part));
  for (const site of owner.sites)
    for (const part of parts(site)) {
      yield* of('site-name', withTails(part));
      for (const name of owner.names)
        yield* of(
          'site-name',
          ['', '-', '_', '@', '.'].flatMap((joint) => [
            part + joint + name,
            capital(part) + joint + name,
            name + joint + part,
          ]),
        );
    }
}

/** Likely secrets of any account, likeliest first, without numbers of which every one is tried (`pins`). */
export function* commonCandidates(): Generator<Candidate> {
  yield* of('vendor-default', VENDOR_DEFAULTS);
  for (const word of DICTIONARY) yield* of('dictionary', withTails(word));
  yield* of('pattern', patterns());
  yield* of('year-or-date', dates());
}

/** Every number of `length` digits. */
export function* pins(length: number): Generator<Candidate> {
  const end = 10 ** length;
  for (let pin = 0; pin < end; pin++) yield { text: String(pin).padStart(length, '0'), weakness: 'digits' };
}

let common: ReadonlyMap<string, Weakness> | null = null;

/** The first reason for each text. */
function commonly(): ReadonlyMap<string, Weakness> {
  if (common !== null) return common;
  const made = new Map<string, Weakness>();
  for (const { text, weakness } of commonCandidates()) if (!made.has(text)) made.set(text, weakness);
  return (common = made);
}

/**
 * Why a secret that is known (it stands in a configuration file) is weak; null: nothing was found. What is only made of
 * digits is weak up to `pinDigits` of them.
 */
export function weaknessOf(secret: string, owner: Owner, pinDigits: number): Weakness | null {
  for (const { text, weakness } of ownCandidates(owner)) if (text === secret) return weakness;
  const known = commonly().get(secret);
  if (known !== undefined) return known;
  return /^\d+$/.test(secret) && secret.length <= pinDigits ? 'digits' : null;
}
