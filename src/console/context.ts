import type { Millis } from '../model.ts';
import type { Zone } from '../time.ts';
import type { ConsoleWords, Words } from '../words/index.ts';
import type { Html } from './html.ts';
import type { Visitor } from './sessions.ts';
import type { ConsoleView } from './view.ts';

/** What a page is made from. */
export interface Context {
  readonly view: ConsoleView;
  readonly words: Words;
  readonly texts: ConsoleWords;
  readonly zone: Zone;
  readonly now: Millis;
  readonly visitor: Visitor;
  /** path as it was asked for */
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface Made {
  readonly title: string;
  readonly body: Html;
  readonly status?: number;
}

/** Parts of a page that change while one looks at it, by the id of the element that holds them. */
export type Fragments = ReadonlyMap<string, Html>;

/** A page: what it shows, and what of it is live. `parts` are the groups of the path's pattern. */
export interface PageRoute {
  readonly path: RegExp;
  make(context: Context, parts: readonly string[]): Made | null | Promise<Made | null>;
  live?(context: Context): Fragments;
}

/** Something that a form asks for. @returns where to go on, and what to tell there */
export interface ActRoute {
  readonly path: RegExp;
  act(context: Context, form: URLSearchParams, parts: readonly string[]): Promise<Done> | Done;
}

export interface Done {
  readonly to: string;
  readonly kind: 'done' | 'failed';
  readonly text: string;
}
