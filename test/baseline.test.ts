import assert from 'node:assert/strict';
import {
  alike,
  amountAtLeast,
  atLeast,
  atMost,
  faded,
  logGamma,
  packCount,
  PriorEstimate,
  quantile,
  shrunkRate,
  smoothed,
  unpackCount,
} from '../src/baseline.ts';

const near = (actual: number, expected: number, relative = 1e-6): void =>
  assert.ok(
    Math.abs(actual - expected) <= relative * Math.max(Math.abs(expected), 1e-300),
    `${actual}, not ${expected}`,
  );

/** By summing the probabilities of all smaller counts. */
function summed(count: number, mean: number, variance: number): number {
  const size = (mean * mean) / (variance - mean);
  const p = size / (size + mean);
  let below = 0;
  for (let k = 0; k < count; k++)
    below += Math.exp(logGamma(k + size) - logGamma(size) - logGamma(k + 1) + size * Math.log(p) + k * Math.log1p(-p));
  return 1 - below;
}

describe('baseline', () => {
  describe('tails', () => {
    for (const [count, mean, variance] of [
      [1, 0.01, 0.02],
      [3, 1, 2],
      [10, 2, 4],
      [50, 20, 60],
      [500, 400, 900],
      [30, 29.9, 30.5],
    ] as const)
      it(`at least ${count} where ${mean} are expected, variance ${variance}`, () => {
        near(atLeast(count, { mean, variance }), summed(count, mean, variance));
        near(atMost(count - 1, { mean, variance }) + atLeast(count, { mean, variance }), 1, 1e-9);
      });

    it('stays exact far out, where a difference from 1 would be nothing', () => {
      // a geometric distribution: P(X >= n) = q^n
      near(atLeast(60, { mean: 1, variance: 2 }), 0.5 ** 60, 1e-9);
      near(amountAtLeast(40, { mean: 1, variance: 1 }), Math.exp(-40), 1e-9);
      near(amountAtLeast(0.5, { mean: 1, variance: 1 }), Math.exp(-0.5), 1e-9);
    });

    it('is certain at the ends', () => {
      assert.equal(atLeast(0, { mean: 3, variance: 4 }), 1);
      assert.equal(atLeast(1, { mean: 0, variance: 0 }), 0);
      assert.equal(atMost(-1, { mean: 3, variance: 4 }), 0);
      assert.equal(amountAtLeast(1, { mean: 0, variance: 0 }), 0);
      assert.ok(atLeast(1e6, { mean: 3, variance: 5 }) < 1e-200);
    });

    it('finds the amount that is exceeded so seldom', () => {
      const forecast = { mean: 5, variance: 9 };
      const high = quantile(0.01, forecast);
      assert.ok(atLeast(high + 1, forecast) <= 0.01 && atLeast(high, forecast) > 0.01);
      assert.equal(quantile(0.01, { mean: 0, variance: 0 }), 0);
    });
  });

  it('logGamma is that of the tables', () => {
    near(logGamma(0.5), Math.log(Math.PI) / 2, 1e-9);
    near(logGamma(11), Math.log(3_628_800), 1e-9);
  });

  it('keeps a count in 16 bits', () => {
    for (const value of [0, 0.01, 0.5, 1, 7, 300, 1e6]) near(1 + unpackCount(packCount(value)), 1 + value, 1.3e-4);
    assert.equal(packCount(1e12), 65_535);
  });

  it('halves in six weeks', () => near(faded(42), 0.5, 1e-12));

  describe('borrowing', () => {
    it('an account without history has the mean of the others, one with a long history its own', () => {
      const prior = { mean: 10, shape: 2 };
      assert.equal(shrunkRate(0, 0, prior), 10);
      near(shrunkRate(4, 8, prior), 6 / 8.2);
      near(shrunkRate(4_000, 800, prior), 5, 1e-2);
    });

    it('accounts that are alike are borrowed from much, others little', () => {
      const estimate = (rates: readonly number[]): number => {
        const found = new PriorEstimate();
        for (const rate of rates) found.add(rate * 8, 8);
        return found.prior(null)?.shape ?? NaN;
      };
      assert.ok(estimate([10, 10.5, 9.5, 10, 10.2]) > 20);
      assert.ok(estimate([0.1, 0.1, 0.1, 60, 0.1]) < 0.5);
    });

    it('a small group borrows from the site', () => {
      const one = new PriorEstimate();
      one.add(80, 8);
      const prior = one.prior({ mean: 1, shape: 1 });
      near(prior?.mean ?? NaN, (1 / 6) * 10 + 5 / 6);
      assert.deepEqual(new PriorEstimate().prior({ mean: 1, shape: 1 }), { mean: 1, shape: 1 });
      assert.equal(new PriorEstimate().prior(null), null);
    });
  });

  describe('the week', () => {
    it('knows working days by what happens on them', () => {
      assert.deepEqual(alike([9, 8, 9, 9, 7, 1, 0], 2), [0, 1, 2, 3, 4]);
      assert.deepEqual(alike([9, 8, 9, 9, 7, 1, 0], 5), [5]);
      assert.deepEqual(alike([9, 9, 9, 9, 0, 0, 9], 6), [0, 1, 2, 3, 6], 'from Sunday to Thursday');
    });

    it('keeps what there is, and lends to the neighbours', () => {
      const at = (hour: number): number => (hour === 10 ? 4 : 0);
      assert.deepEqual(
        [9, 10, 11, 12].map((h) => smoothed(at, h, [0])),
        [1, 2, 1, 0],
      );
      assert.deepEqual(smoothed(at, 34, [0, 1]), 0.5, 'half of the mean of both days');
    });
  });
});
