import { spelledOut } from '../spelled.ts';

/** More marks on one letter than any language stacks: text that spills over its neighbours. */
const STACKED = /(\p{M}{4})\p{M}+/gu;

/**
 * Text from the network (user agents, caller ids, user names, summaries that quote them) as it may be shown on a
 * terminal, in a mail or on a page: what cannot be seen or would move, colour or turn other text is spelled out, so
 * that a caller id cannot write its own alert. At most `most` characters. What it returns it leaves as it is.
 */
export function visible(text: string, most = 500): string {
  // Cut first: what is thrown away need not be searched.
  const cut = text.length > 4 * most ? text.slice(0, 4 * most) : text;
  const shown = spelledOut(cut).replace(STACKED, '$1');
  const characters = Array.from(shown);
  return characters.length <= most ? shown : `${characters.slice(0, most - 1).join('')}…`;
}

/**
 * A value as one word of a shell command that somebody may copy; null when it holds anything that a shell or a terminal
 * might take otherwise (the value may be an attacker's).
 */
export const shellWord = (value: string): string | null =>
  /^[A-Za-z0-9+@._:/][A-Za-z0-9+@._:/-]{0,127}$/.test(value) ? value : null;
