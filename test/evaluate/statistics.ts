/** Intervals that tell how far a count can be trusted; 95 %. */

const Z = 1.959964;

/** Wilson's score interval of a proportion (Wilson 1927). */
export function wilson(hits: number, of: number): readonly [low: number, high: number] {
  if (of === 0) return [0, 1];
  const p = hits / of;
  const centre = p + (Z * Z) / (2 * of);
  const spread = Z * Math.sqrt((p * (1 - p)) / of + (Z * Z) / (4 * of * of));
  const scale = 1 + (Z * Z) / of;
  return [Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)];
}

/** P(X <= count) of a Poisson variable. */
function cumulative(count: number, mean: number): number {
  let term = Math.exp(-mean);
  let sum = term;
  for (let i = 1; i <= count; i++) {
    term *= mean / i;
    sum += term;
  }
  return sum;
}

/** The mean at which a falling function of it passes `level`. */
function solve(level: number, of: (mean: number) => number, high: number): number {
  let [low, top] = [0, high];
  for (let i = 0; i < 100; i++) {
    const middle = (low + top) / 2;
    if (of(middle) > level) low = middle;
    else top = middle;
  }
  return low;
}

/** Exact interval of a Poisson mean after `count` events (Garwood 1936). Counts up to a few hundred. */
export function poissonInterval(count: number): readonly [low: number, high: number] {
  const most = count + 10 * Math.sqrt(count + 1) + 10;
  const low = count === 0 ? 0 : solve(0.975, (mean) => cumulative(count - 1, mean), most);
  return [low, solve(0.025, (mean) => cumulative(count, mean), most)];
}

export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle];
  if (high === undefined) return null;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? high) + high) / 2;
}
