import assert from 'node:assert/strict';
import { parseClosure, parseOpening, parseWeekly } from '../../src/site/hours-text.ts';

const days = (...weekdays: number[]): number => weekdays.reduce((bits, day) => bits | (1 << day), 0);
const EVERY_DAY = days(1, 2, 3, 4, 5, 6, 7);

describe('texts of opening hours', () => {
  const weekly: readonly (readonly [text: string, windows: readonly (readonly [number, number, number])[]])[] = [
    ['Mon-Fri 08:00-18:00', [[days(1, 2, 3, 4, 5), 480, 1080]]],
    ['Sat 09:00-13:00', [[days(6), 540, 780]]],
    ['mon,wed,fri 8:00-12:00', [[days(1, 3, 5), 480, 720]]],
    ['Mon-Wed, Fri 8:00-12:00', [[days(1, 2, 3, 5), 480, 720]]],
    [
      'Monday-Friday 08:00-12:00, 13:00-17:00',
      [
        [days(1, 2, 3, 4, 5), 480, 720],
        [days(1, 2, 3, 4, 5), 780, 1020],
      ],
    ],
    ['Fri-Mon 10:00-11:00', [[days(5, 6, 7, 1), 600, 660]]],
    ['Mon-Fri 22:00-06:00', [[days(1, 2, 3, 4, 5), 1320, 1800]]],
    ['Sat 20:00-04:00', [[days(6), 1200, 1680]]],
    ['Sun 00:00-24:00', [[days(7), 0, 1440]]],
    ['Fri 18:00-24:00', [[days(5), 1080, 1440]]],
    ['Fri 18:00-00:00', [[days(5), 1080, 1440]]],
    ['daily 07:00-19:00', [[EVERY_DAY, 420, 1140]]],
    ['07:00-19:00', [[EVERY_DAY, 420, 1140]]],
    ['  Mon–Fri   08:00 – 18:00 ', [[days(1, 2, 3, 4, 5), 480, 1080]]],
  ];
  for (const [text, windows] of weekly)
    it(`"${text}"`, () => {
      const read = parseWeekly(text);
      assert.ok(read.ok);
      assert.deepEqual(
        read.value.map((w) => [w.days, w.start, w.end]),
        windows,
      );
    });

  const wrong = [
    '',
    'Mon',
    'Mon-Fri',
    'Mo 08:00-18:00',
    'Mon-Fri 08:00',
    'Mon-Fri 8-18',
    'Mon-Fri 08:00-25:00',
    'Mon-Fri 08:60-18:00',
    'Mon-Fri 08:00-08:00',
    'Mon-Fri 24:00-06:00',
    'Mon-Wed-Fri 08:00-18:00',
    'Mon-Fri 08:00-12:00-18:00',
    'Mon;Tue 08:00-09:00',
    'always',
    'Mon-Fri 08:00-24:01',
    'Mon-Fri 08:00-18:00 x',
    'Fri- 08:00-09:00',
  ];
  for (const text of wrong)
    it(`"${text}" is refused with an example of what is right`, () => {
      const read = parseWeekly(text);
      assert.ok(!read.ok);
      assert.match(read.reason, /Mon-Fri 08:00-18:00/);
    });

  const utc = (text: string): number => Date.parse(`${text}Z`);
  const closures: readonly (readonly [text: string, start: string, end: string, wholeDays: boolean])[] = [
    ['2026-12-24..2027-01-01', '2026-12-24T00:00', '2027-01-02T00:00', true],
    ['2026-12-24..2026-12-24', '2026-12-24T00:00', '2026-12-25T00:00', true],
    ['2026-12-24', '2026-12-24T00:00', '2026-12-25T00:00', true],
    ['2026-12-24 .. 2026-12-26', '2026-12-24T00:00', '2026-12-27T00:00', true],
    ['2026-12-24 13:00-24:00', '2026-12-24T13:00', '2026-12-25T00:00', false],
    ['2026-12-31 18:00-02:00', '2026-12-31T18:00', '2027-01-01T02:00', false],
    ['2028-02-29', '2028-02-29T00:00', '2028-03-01T00:00', true],
  ];
  for (const [text, start, end, wholeDays] of closures)
    it(`closed "${text}"`, () =>
      assert.deepEqual(parseClosure(text), { ok: true, value: [{ start: utc(start), end: utc(end), wholeDays }] }));
  for (const text of [
    '',
    '2026-02-30',
    '2027-02-29',
    '24.12.2026',
    '2026-12-24..',
    '..2026-12-24',
    '2026-12-24..12-26',
    '2026-12-24 13:00',
    '2026-12-26..2026-12-24',
    '2026-12-24..2026-12-25..2026-12-26',
    '2026-13-01',
  ])
    it(`closed "${text}" is refused`, () => assert.equal(parseClosure(text).ok, false));

  it('open on a day, in several spans', () =>
    assert.deepEqual(parseOpening('2026-12-27 10:00-14:00, 15:00-16:00'), {
      ok: true,
      value: [
        { start: utc('2026-12-27T10:00'), end: utc('2026-12-27T14:00') },
        { start: utc('2026-12-27T15:00'), end: utc('2026-12-27T16:00') },
      ],
    }));
  for (const text of ['', '2026-12-27', '2026-12-27..2026-12-28', '10:00-14:00', '2026-02-30 10:00-14:00'])
    it(`open on "${text}" is refused`, () => assert.equal(parseOpening(text).ok, false));
});
