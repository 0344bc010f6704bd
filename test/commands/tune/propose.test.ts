import assert from 'node:assert/strict';
import { parse } from 'smol-toml';
import { writeHours } from '../../../src/commands/tune/propose.ts';
import { withLines } from '../../../src/commands/tune/settings-edit.ts';

/** Slots of hours of days: [day 0-6, from, to] in half hours of the day. */
const slots = (...spans: [number, number, number][]): Set<number> =>
  new Set(spans.flatMap(([day, from, to]) => Array.from({ length: to - from }, (_, i) => day * 48 + from + i)));
const week = (from: number, to: number): [number, number, number][] => [0, 1, 2, 3, 4].map((day) => [day, from, to]);

const HOURS: [string, Set<number>, string[]][] = [
  ['nobody', slots(), []],
  ['an office week', slots(...week(16, 36)), ['Mon-Fri 08:00-18:00']],
  ['and Saturday morning', slots(...week(16, 36), [5, 18, 26]), ['Mon-Fri 08:00-18:00', 'Sat 09:00-13:00']],
  ['a lunch break of three hours', slots([0, 16, 24], [0, 30, 36]), ['Mon 08:00-18:00']],
  ['a longer one', slots([0, 16, 24], [0, 31, 36]), ['Mon 08:00-12:00, 15:30-18:00']],
  ['a short Friday', slots(...week(16, 36).slice(0, 4), [4, 16, 28]), ['Mon-Thu 08:00-18:00', 'Fri 08:00-14:00']],
  ['one half hour by chance', slots(...week(16, 36), [6, 20, 21]), ['Mon-Fri 08:00-18:00']],
  ['to midnight and on', slots([0, 44, 48], [1, 0, 8]), ['Mon 22:00-24:00', 'Tue 00:00-04:00']],
  ['a lull over midnight', slots([0, 44, 45], [1, 1, 8]), ['Mon 22:00-24:00', 'Tue 00:00-04:00']],
];

describe('tune: hours as [hours] writes them', () => {
  for (const [sentence, usual, expected] of HOURS)
    it(`${sentence}: ${expected.join('; ') || 'nothing'}`, () => assert.deepEqual(writeHours(usual), expected));
});

const OPEN = { section: 'hours', key: 'open', value: '["Mon 08:00-18:00"]' };
const EDITS: [string, string, Parameters<typeof withLines>[1], string][] = [
  ['into an empty file', '', [OPEN], '[hours]\nopen = ["Mon 08:00-18:00"]\n'],
  [
    'a new section at the end',
    'mode = "observe"\n',
    [OPEN],
    'mode = "observe"\n\n[hours]\nopen = ["Mon 08:00-18:00"]\n',
  ],
  [
    'a value in its place, comments stay',
    '# mine\n[hours] # when\nholidays = "DE" # there\nopen = ["x"] # old\n[site]\nname = "a"\n',
    [OPEN],
    '# mine\n[hours] # when\nholidays = "DE" # there\nopen = ["Mon 08:00-18:00"]\n[site]\nname = "a"\n',
  ],
  [
    'a value over several lines',
    '[hours]\nopen = [\n  "a ] # no", # ]\n  "b",\n]\nholidays = ""\n',
    [OPEN],
    '[hours]\nopen = ["Mon 08:00-18:00"]\nholidays = ""\n',
  ],
  ['a section without it', '[hours]\nholidays = ""\n', [OPEN], '[hours]\nopen = ["Mon 08:00-18:00"]\nholidays = ""\n'],
  [
    'two lines of one new section',
    '',
    [
      { section: 'groups.late', key: 'members', value: '["1"]' },
      { section: 'groups.late', key: 'hours', value: '"always"' },
    ],
    '[groups.late]\nhours = "always"\nmembers = ["1"]\n',
  ],
  [
    'not what only begins so',
    '[hours.x]\nopen = 1\n[hours]\nopening = 2\n',
    [OPEN],
    '[hours.x]\nopen = 1\n[hours]\nopen = ["Mon 08:00-18:00"]\nopening = 2\n',
  ],
];

describe('tune: lines put into a settings file', () => {
  for (const [sentence, text, lines, expected] of EDITS)
    it(sentence, () => {
      const written = withLines(text, lines);
      assert.equal(written, expected);
      parse(written);
      assert.equal(withLines(written, lines), written, 'a second time changes nothing');
    });
});
