/** Control, format (bidirectional overrides, zero-width, tags), private, unassigned; lone surrogates; line separators. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** Text of which all can be seen, on one line: what cannot, or would move, colour or turn other text, is spelled out. */
export const spelledOut = (text: string): string => text.replace(INVISIBLE, escaped);
