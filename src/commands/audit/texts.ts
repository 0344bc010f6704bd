/** What candidates.ts and patterns.ts make texts with. */

/** The last of the years that people put into secrets. */
const LAST_YEAR = 2030;

export const years = (from: number): string[] =>
  Array.from({ length: LAST_YEAR - from + 1 }, (_, i) => String(from + i));
export const reversed = (text: string): string => Array.from(text).reverse().join('');
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A list written as one text, with blanks between. */
export const listed = (text: string): readonly string[] => text.trim().split(/\s+/);

/** What people put behind a word or a number. */
export const TAILS: readonly string[] = [
  ...['', '0', '1', '2', '3', '7', '9', '00', '01', '10', '11', '12', '22', '23', '69', '77', '88', '99', '000', '007'],
  ...['100', '111', '123', '321', '666', '777', '999', '1111', '1234', '4321', '12345', '123456'],
  ...['!', '?', '.', '#', '*', '$', '!!', '1!', '12!', '123!', '1234!', '@1', '@12', '@123', '_1', '-1', '#1', '.1'],
  ...years(1990),
];
