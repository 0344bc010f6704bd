import assert from 'node:assert/strict';
import { DayCounts } from '../../src/detect/day-counts.ts';

describe('counts of a day', () => {
  const counted = (times: number): DayCounts => {
    const counts = new DayCounts(4);
    for (let i = 0; i < times; i++) counts.bump(2);
    return counts;
  };

  for (const times of [0, 1, 254, 255, 256, 70_000])
    it(`${times} of them`, () =>
      assert.deepEqual([...counted(times).all()], [0, 0, Math.min(times, 65_535), 0])); // prettier-ignore

  it('come back as they were stored, and go on', () => {
    const counts = new DayCounts(4);
    counts.bump(0);
    counts.fill(counted(300).all());
    counts.bump(2);
    assert.deepEqual([...counts.slice(1, 4)], [0, 301, 0]);
  });

  it('a part is cleared, the others stay', () => {
    const counts = new DayCounts(4);
    counts.fill(Uint16Array.from([300, 301, 7, 302]));
    counts.clear(1, 3);
    assert.deepEqual([...counts.all()], [300, 0, 0, 302]);
    counts.bump(1);
    assert.deepEqual([...counts.all()], [300, 1, 0, 302]);
  });
});
