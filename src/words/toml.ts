import { visible } from './visible.ts';

/** Lines of a settings file (https://toml.io/en/v1.0.0), for people to paste. What cannot be seen is never written. */

/** A string of TOML; null where it holds what nobody could check by looking. */
export const tomlText = (text: string): string | null =>
  text !== '' && text.length <= 128 && visible(text, 128) === text ? JSON.stringify(text) : null;

/** A list of strings; null where one of them cannot be written. */
export function tomlList(texts: readonly string[]): string | null {
  const written = texts.map(tomlText);
  return written.length === 0 || written.includes(null) ? null : `[${written.join(', ')}]`;
}
