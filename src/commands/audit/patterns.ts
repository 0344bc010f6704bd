import { capital, listed, reversed, TAILS, years } from './texts.ts';

const ROWS = listed(`1234567890 qwertyuiop qwertzuiop azertyuiop asdfghjkl qsdfghjklm zxcvbnm yxcvbnm wxcvbn`);
const COLUMNS = listed(`1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 1qay`);
const WALKS =
  listed(`1q2w3e4r5t6y7u8i9o0p 1q2w3e4r5t6z7u8i9o0p q1w2e3r4t5y6 q1w2e3r4t5z6 qawsedrftg a1s2d3f4g5 1a2b3c4d5e6f a1b2c3d4e5f6
  abcdefghijklmnopqrstuvwxyz zyxwvutsrqponmlkjihgfedcba 01234567890123456789 98765432109876543210`);

function* windowsOf(text: string, from: number): Generator<string> {
  for (let length = from; length <= text.length; length++)
    for (let at = 0; at + length <= text.length; at++) yield text.slice(at, at + length);
}

const FAVOURITES =
  listed(`147258369 159753 159357 741852963 963852741 789456123 123654789 14789632 13579 24680 1357924680 112233
  11223344 1122334455 123123123 12344321 123454321 1234512345 12345678910 3141592 31415926 27182818 !@#$% !@#$%^ !@#$%^&* !"§$% 1!2@3# 1!2"3§`);

/** Keyboards, keypads, runs and repetitions. */
export function* patterns(): Generator<string> {
  const short: string[] = [];
  for (const row of [...ROWS, ...ROWS.map(reversed)])
    for (const walk of windowsOf(row, 3)) {
      yield* [walk, capital(walk), walk.toUpperCase()];
      if (walk.length <= 6) short.push(walk);
    }
  for (const walk of WALKS) for (const piece of windowsOf(walk, 3)) yield* [piece, capital(piece), piece.toUpperCase()];
  for (const a of COLUMNS) {
    yield* [a, reversed(a), capital(a)];
    for (const b of COLUMNS) {
      yield* [a + b, a + capital(b), a + reversed(b), a + b.toUpperCase()];
      for (const c of COLUMNS) yield* [a + b + c, a + b + c.toUpperCase()];
    }
  }
  for (const walk of short) {
    for (const tail of TAILS) yield* [walk + tail, capital(walk) + tail];
    for (const other of ['123', '321', '1234', 'abc', 'asd', 'qwe', 'yxc', 'zxc', '!@#'])
      yield* [other + walk, walk + other];
    yield* [walk + walk, walk + reversed(walk)];
  }
  for (const c of 'abcdefghijklmnopqrstuvwxyz0123456789*#!.-x'.split(''))
    for (let length = 1; length <= 16; length++) yield* [c.repeat(length), c.toUpperCase().repeat(length)];
  for (let pair = 0; pair < 100; pair++) {
    const two = String(pair).padStart(2, '0');
    for (let times = 2; times <= 6; times++) yield two.repeat(times);
  }
  for (let three = 0; three < 1000; three++)
    yield* [String(three).padStart(3, '0').repeat(2), String(three).padStart(3, '0').repeat(3)];
  yield* FAVOURITES;
}

const FIRST_YEAR = 1950;

/** Days with their year in full; those of six digits are among the numbers of which every one is tried. */
export function* dates(): Generator<string> {
  for (const year of years(FIRST_YEAR)) {
    yield year;
    for (let month = 1; month <= 12; month++)
      for (let day = 1; day <= (month === 2 ? 29 : 31); day++) {
        const m = String(month).padStart(2, '0');
        const d = String(day).padStart(2, '0');
        yield* [`${d}${m}${year}`, `${year}${m}${d}`];
        // with the month first what is up to the twelfth comes as another day too
        if (day > 12) yield `${m}${d}${year}`;
      }
  }
}
