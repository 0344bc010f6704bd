/**
 * Baselines of sparse counts: how many calls an hour of the week usually holds, and how unusual a count is.
 *
 * The method, in short (docs/decisions.md says why):
 *
 * - A week has 168 hours. What was counted in each fades with a half-life of six weeks, and so does the time watched, so
 *   that count / weeks is a rate that follows drift and is right from the first week on.
 * - Whoever has little history of his own borrows from others: an account's rate is Gamma distributed among the accounts of
 *   its group, with mean and shape taken from the accounts themselves (empirical Bayes: Robbins 1956; Efron and Morris 1973;
 *   the gamma-Poisson form in Gelman et al., Bayesian Data Analysis, 3rd ed., sections 2.6 and 5.1), and the hours of the week
 *   borrow in the same way from the shape of the group's and the site's week.
 * - A future count is then negative binomial (Gelman et al. section 2.6): wider than Poisson by what is not known of the rate,
 *   and by what days differ from each other beyond chance (a variance of `dispersion` times the mean, as in
 *   McCullagh and Nelder, Generalized Linear Models, section 6.2). `atLeast` and `atMost` are its tails.
 */

export const HOURS_OF_WEEK = 168;
const HALF_LIFE_DAYS = 42;
const DAILY = Math.pow(0.5, 1 / HALF_LIFE_DAYS);

/** What is left of a count after so many days. */
export const faded = (days: number): number => (days === 1 ? DAILY : days <= 0 ? 1 : Math.pow(DAILY, days));

/** A forecast amount: mean and variance. Those of separate hours add up. */
export interface Forecast {
  readonly mean: number;
  readonly variance: number;
}

// ------------------------------------------------------------------------------------------------------ compact counts

const SCALE = 4096;

/** A faded count in 16 bits, on a logarithmic scale: off by 1/8000 of (1 + value) at the most, up to 8.8 million. */
export const packCount = (value: number): number =>
  Math.min(65_535, Math.round(Math.log1p(Math.max(0, value)) * SCALE));
export const unpackCount = (packed: number): number => (packed === 0 ? 0 : Math.expm1(packed / SCALE));

// --------------------------------------------------------------------------------------------- gamma-Poisson shrinkage

/** Gamma distribution of the rates among a set of accounts: mean, and shape (large: all alike). */
export interface Prior {
  readonly mean: number;
  readonly shape: number;
}

const LEAST_SHAPE = 0.05;
const MOST_SHAPE = 50;

/** Collects counts and exposures of many accounts into the prior of their rates, by the method of moments. */
export class PriorEstimate {
  #accounts = 0;
  #count = 0;
  #exposure = 0;
  #rates = 0;
  #squares = 0;
  #inverse = 0;

  /** `count` in `exposure` weeks (those with less than half a week tell too little). */
  add(count: number, exposure: number): void {
    if (exposure < 0.5) return;
    const rate = count / exposure;
    this.#accounts++;
    this.#count += count;
    this.#exposure += exposure;
    this.#rates += rate;
    this.#squares += rate * rate;
    this.#inverse += 1 / exposure;
  }

  /** Shrunk towards `parent` where the accounts are few; null: nobody was added and there is no parent. */
  prior(parent: Prior | null): Prior | null {
    const n = this.#accounts;
    if (n === 0) return parent;
    const mean = this.#count / this.#exposure;
    const average = this.#rates / n;
    const total = Math.max(0, this.#squares / n - average * average) * (n / Math.max(1, n - 1));
    // the variance among rates holds chance too: a rate measured over w weeks varies by mean / w
    const between = Math.max(total - (mean * this.#inverse) / n, 0);
    const shape = clamp(between === 0 ? MOST_SHAPE : (mean * mean) / between, LEAST_SHAPE, MOST_SHAPE);
    if (parent === null) return { mean, shape: n < 3 ? Math.min(shape, 1) : shape };
    const own = n / (n + ENOUGH_ACCOUNTS);
    return { mean: own * mean + (1 - own) * parent.mean, shape: own * shape + (1 - own) * parent.shape };
  }
}
/** So many accounts of a group weigh as much as the site. */
const ENOUGH_ACCOUNTS = 5;

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

/** Mean of the rate after `count` in `exposure` weeks, borrowing from `prior` (Gelman et al. section 2.6). */
export const shrunkRate = (count: number, exposure: number, prior: Prior): number =>
  prior.mean <= 0 ? count / Math.max(exposure, 1) : (count + prior.shape) / (exposure + prior.shape / prior.mean);

// ------------------------------------------------------------------------------------------------------------- the week

/**
 * The weekdays that are like this one (0 = Monday): those on which about as much happens, so that a company that works from
 * Sunday to Thursday has its own working days. `totals`: what each weekday holds.
 */
export function alike(totals: readonly number[], day: number): readonly number[] {
  const busy = [...totals].sort((a, b) => b - a)[2] ?? 0;
  const isBusy = (d: number): boolean => (totals[d] ?? 0) > busy / 2;
  if (!isBusy(day)) return [day];
  return [0, 1, 2, 3, 4, 5, 6].filter(isBusy);
}

/**
 * One hour of the week, smoothed: half from its own day, half from the days like it, a quarter of each from the hours
 * beside it. Sparse counts need neighbours; an office's edges at eight and at six stay sharp enough.
 */
export function smoothed(at: (hourOfWeek: number) => number, hour: number, days: readonly number[]): number {
  const day = Math.floor(hour / 24);
  const own = blurred(at, hour);
  if (days.length < 2) return own;
  let others = 0;
  for (const d of days) others += blurred(at, hour + (d - day) * 24);
  return 0.5 * own + (0.5 * others) / days.length;
}

const blurred = (at: (hourOfWeek: number) => number, hour: number): number => {
  const before = hour === 0 ? HOURS_OF_WEEK - 1 : hour - 1;
  const after = hour === HOURS_OF_WEEK - 1 ? 0 : hour + 1;
  return 0.5 * at(hour) + 0.25 * at(before) + 0.25 * at(after);
};

// ---------------------------------------------------------------------------------------------------------------- tails

/** P(X >= count) for a negative binomial count of this mean and variance. */
export function atLeast(count: number, { mean, variance }: Forecast): number {
  if (count <= 0) return 1;
  if (mean <= 0) return 0;
  const { size, p } = negativeBinomial(mean, variance);
  return betaIncomplete(1 - p, Math.ceil(count), size);
}

/** P(X <= count) for a negative binomial count. */
export function atMost(count: number, { mean, variance }: Forecast): number {
  if (count < 0) return 0;
  if (mean <= 0) return 1;
  const { size, p } = negativeBinomial(mean, variance);
  return betaIncomplete(p, size, Math.floor(count) + 1);
}

/** P(X >= amount) for an amount that is no count (minutes, money), Gamma distributed with this mean and variance. */
export function amountAtLeast(amount: number, { mean, variance }: Forecast): number {
  if (amount <= 0) return 1;
  if (mean <= 0) return 0;
  const scale = Math.max(variance / mean, 1e-9 * mean);
  return gammaUpper(mean / scale, amount / scale);
}

/** Size and success probability; a variance below that of Poisson is taken for it. */
function negativeBinomial(mean: number, variance: number): { size: number; p: number } {
  const size = (mean * mean) / Math.max(variance - mean, mean * 1e-3);
  return { size, p: size / (size + mean) };
}

/** ln Gamma(x), x > 0: Stirling's series (Abramowitz and Stegun 6.1.41) after moving the argument up to 8. */
export function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  while (z < 8) shift -= Math.log(z++);
  const i2 = 1 / (z * z);
  const series = (1 / 12 - i2 * (1 / 360 - i2 * (1 / 1260 - i2 / 1680))) / z;
  return shift + (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series;
}

const TINY = 1e-300;
const STEPS = 500;

/**
 * Evaluates b0 + a1/(b1 + a2/(b2 + …)) by the modified Lentz algorithm (Thompson and Barnett 1986); converges to 1e-12 or
 * stops after 500 steps.
 */
function continuedFraction(b0: number, term: (n: number) => readonly [a: number, b: number]): number {
  const away = (x: number): number => (Math.abs(x) < TINY ? TINY : x);
  let value = away(b0);
  let c = value;
  let d = 0;
  for (let n = 1; n <= STEPS; n++) {
    const [a, b] = term(n);
    d = 1 / away(b + a * d);
    c = away(b + a / c);
    const step = c * d;
    value *= step;
    if (Math.abs(step - 1) < 1e-12) break;
  }
  return value;
}

/** Regularised incomplete beta function I_x(a, b) (DLMF 8.17.22). */
export function betaIncomplete(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // the fraction converges fast below the mean; the other side is the complement
  if (x > (a + 1) / (a + b + 2)) return 1 - betaIncomplete(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const fraction = continuedFraction(1, (n) => {
    const m = n >> 1;
    const numerator =
      n % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : -((a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    return [numerator, 1];
  });
  return clamp(front / fraction, 0, 1);
}

/** Regularised upper incomplete gamma function Q(a, x) (DLMF 8.7.1 below a + 1, 8.9.2 above). */
export function gammaUpper(a: number, x: number): number {
  if (x <= 0) return 1;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n <= STEPS && term > sum * 1e-14; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return clamp(1 - front * sum, 0, 1);
  }
  const fraction = continuedFraction(x + 1 - a, (n) => [-n * (n - a), x + 2 * n + 1 - a]);
  return clamp(front / fraction, 0, 1);
}

/** The least whole amount that a forecast exceeds with probability `p` at the most. */
export function quantile(p: number, forecast: Forecast): number {
  let high = 1;
  while (high < 1e9 && atLeast(high + 1, forecast) > p) high *= 2;
  let low = 0;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (atLeast(middle + 1, forecast) > p) low = middle;
    else high = middle;
  }
  return atLeast(low + 1, forecast) <= p ? low : high;
}
