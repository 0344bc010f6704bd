import { escapeHtml } from '../words/mail-html.ts';
import { visible } from '../words/index.ts';

/** HTML that is safe as it stands. Made by `html` alone, so that no text gets onto a page unescaped. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: text (escaped, and spelled out where it cannot be seen), numbers, HTML, lists of these. */
export type Piece = string | number | Html | null | undefined | false | readonly Piece[];

/** Longest text that is shown of one value. */
const LONGEST = 2_000;

function shown(piece: Piece): string {
  if (piece === null || piece === undefined || piece === false) return '';
  if (piece instanceof Html) return piece.text;
  if (typeof piece === 'number') return String(piece);
  if (typeof piece === 'string') return escapeHtml(visible(piece, LONGEST));
  return piece.map(shown).join('');
}

/** A piece of a page; whatever is put into it is escaped for text and for quoted attributes alike. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let text = strings[0] ?? '';
  for (const [i, piece] of pieces.entries()) text += shown(piece) + (strings[i + 1] ?? '');
  return new Html(text);
}

/** Several lines of text that stay lines (settings to paste): each is spelled out for itself. */
export const lines = (all: readonly string[]): Html =>
  new Html(all.map((line) => escapeHtml(visible(line, LONGEST))).join('\n'));

/** Text of our own that is HTML, CSS or SVG already. Never give it anything that came from outside. */
export const raw = (text: string): Html => new Html(text);
