import assert from 'node:assert/strict';
import { lockPeriods, lockText } from '../../../src/respond/lock/periods.ts';

describe('the periods of the office lock', () => {
  const table: [string, { from: number; until: number }[], string][] = [
    ['none', [], ''],
    ['one', [{ from: 1_000_000, until: 2_000_000 }], '1000-2000'],
    [
      'two',
      [[1_000_000, 2_000_000] as const, [3_000_000, 4_000_000] as const].map(([from, until]) => ({ from, until })),
      '1000-2000 3000-4000',
    ],
    ['from the beginning of time', [{ from: 0, until: 2_000_000 }], '2000'],
  ];
  for (const [name, periods, text] of table)
    it(`are written and read: ${name}`, () => {
      assert.equal(lockText(periods), text);
      assert.deepEqual(lockPeriods(text), periods);
    });

  it('never end early and never begin late', () =>
    assert.equal(lockText([{ from: 1_000_999, until: 2_000_001 }]), '1000-2001'));

  for (const junk of ['', ' ', '-', 'night', '1-2-3', '12345678901234', '5-', '-5'])
    it(`has none in "${junk}"`, () => assert.deepEqual(lockPeriods(junk), []));
});
