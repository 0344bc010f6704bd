import assert from 'node:assert/strict';
import { FadingDurations, median } from '../../src/detect/durations.ts';
import { Pace, type PaceLimits } from '../../src/detect/pace.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('FadingDurations', () => {
  it('tells quantiles to within half an octave', () => {
    const durations = new FadingDurations(DAY);
    for (let ms = 1; ms <= 10_000; ms++) durations.add(ms, 0);
    for (const q of [0.05, 0.5, 0.95]) {
      const found = durations.quantile(q) / (q * 10_000);
      assert.ok(found > 0.7 && found < 1.42, `${q}: ${found}`);
    }
  });

  const table: [string, number[], number, number, number][] = [
    ['of nothing', [], 0.5, 0, 0],
    ['one that took no time', [0], 0.5, 0, 1],
    ['one that took a day', [DAY], 0.5, 50_000, 100_000],
    ['an absurd value moves the median of ten nowhere', [...Array<number>(10).fill(100), 1e300], 0.5, 90, 130],
  ];
  for (const [sentence, values, q, low, high] of table)
    it(sentence, () => {
      const durations = new FadingDurations(DAY);
      for (const value of values) durations.add(value, 0);
      const found = durations.quantile(q);
      assert.ok(found >= low && found <= high, `${found}`);
    });

  it('fades by half in a half-life, and the new outweighs the old', () => {
    const durations = new FadingDurations(DAY);
    for (let i = 0; i < 100; i++) durations.add(10, 0);
    durations.add(1_000, DAY);
    assert.ok(Math.abs(durations.total - 51) < 1e-9, `${durations.total}`);
    for (let i = 0; i < 60; i++) durations.add(1_000, DAY);
    assert.ok(durations.quantile(0.5) > 700);
  });

  it('goes on from its plain form alike', () => {
    let one = new FadingDurations(DAY);
    const other = new FadingDurations(DAY);
    for (let i = 0; i < 2_000; i++) {
      const ms = (i * 7_919) % 3_000;
      one.add(ms, i * MINUTE);
      other.add(ms, i * MINUTE);
      one = FadingDurations.unpack(DAY, throughJson(one.pack()));
      assert.equal(one.quantile(0.5), other.quantile(0.5));
      assert.equal(one.total, other.total);
    }
  });

  it('knows the middle of a few values', () => {
    assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3]), median([7])], [2, 2.5, 7]);
    assert.ok(Number.isNaN(median([])));
  });
});

describe('Pace', () => {
  const limits: PaceLimits = { samples: 8, factor: 3, floor: 200, learn: 3 * DAY };
  /** One answer a minute, as long as `ms` says at that minute; how many minutes something was said. */
  const minutes = (pace: Pace, from: number, to: number, ms: (i: number) => number): number => {
    let said = 0;
    for (let i = from; i < to; i++) if (pace.add(i * MINUTE, ms(i), false, limits) !== null) said++;
    return said;
  };
  const DAYS = 24 * 60;

  it('says nothing before it has learnt, then tells what is slow, then takes it for usual', () => {
    const pace = new Pace(0);
    assert.equal(
      minutes(pace, 0, 3 * DAYS, (i) => (i % 100 < 10 ? 5_000 : 100)),
      0,
      'one in ten is slow from the start',
    );
    assert.equal(
      minutes(pace, 3 * DAYS, 4 * DAYS, () => 100),
      0,
    );
    const slow = minutes(pace, 4 * DAYS, 7 * DAYS, () => 6_000);
    assert.ok(slow > 3 * DAYS - 40, `${slow} minutes`);
    assert.equal(minutes(pace, 20 * DAYS, 21 * DAYS, () => 6_000) > 0, true);
    minutes(pace, 21 * DAYS, 60 * DAYS, () => 6_000);
    assert.equal(
      minutes(pace, 60 * DAYS, 61 * DAYS, () => 6_000),
      0,
      'it has been like this for weeks',
    );
  });

  it('learns nothing of a bad day', () => {
    const pace = new Pace(0);
    minutes(pace, 0, 4 * DAYS, () => 100);
    minutes(pace, 4 * DAYS, 5 * DAYS, () => 1_000);
    const usual = pace.add(5 * DAYS * MINUTE, 1_000, false, limits)?.usual ?? 0;
    assert.ok(usual > 90 && usual < 130, `${usual}`);
  });

  it('does not count the night between two evenings', () => {
    const pace = new Pace(0);
    minutes(pace, 0, 4 * DAYS, () => 100);
    minutes(pace, 4 * DAYS, 4 * DAYS + 60, () => 1_000);
    let last = null;
    for (let i = 0; i < 9; i++) last = pace.add(4 * DAY + 12 * HOUR + i * MINUTE, 1_000, false, limits);
    assert.ok(last !== null && last.since >= 4 * DAY + 12 * HOUR);
  });
});
