import { de } from './de.ts';
import { en } from './en.ts';
import type { Words } from './words.ts';

const ALL = { en, de } as const satisfies Readonly<Record<string, Words>>;

export type Language = keyof typeof ALL;

/** The languages that there are, one file each (and what it is made of beside it). */
export const LANGUAGES = Object.keys(ALL) as [Language, ...Language[]];

/** The words of a language; English for one that there is not. */
export const wordsOf = (language: string): Words => (language in ALL ? ALL[language as Language] : en);
