export interface RankCorrelation {
  /** Spearman's ρ, ties sharing their mean rank; NaN where a series is constant. */
  readonly value: number;
  /** A 95 % confidence interval. NaN of fewer than four pairs. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** The normal distribution's 97.5 % point. */
const Z = 1.959963984540054;

/**
 * Spearman's rank correlation of pairs (a_i, b_i) with the interval of Bonett and Wright (Psychometrika 65, 2000): Fisher's
 * atanh ρ is about normal with variance (1 + ρ²/2)/(n − 3). It takes the pairs to be independent. A perfect order, whose
 * atanh is infinite, has the interval of `shortOfPerfect` up to ±1: a few pairs in order prove little.
 */
export function rankCorrelation(a: readonly number[], b: readonly number[]): RankCorrelation {
  const count = a.length;
  if (b.length !== count) throw new Error(`${count} values cannot be paired with ${b.length}`);
  const value = pearson(ranks(a), ranks(b));
  const bound = shortOfPerfect(count);
  const centre = Math.max(-bound, Math.min(bound, value));
  const spread = Z * Math.sqrt((1 + (centre * centre) / 2) / (count - 3));
  const at = (z: number): number => (count > 3 ? Math.tanh(z) : Number.NaN);
  return {
    value,
    low: Math.min(value, at(Math.atanh(centre) - spread)),
    high: Math.max(value, at(Math.atanh(centre) + spread)),
    count,
  };
}

/** Half of the way from ρ = 1 to the value next to it, of n pairs without ties: one swap of neighbours takes 12/(n³ − n). */
export function shortOfPerfect(count: number): number {
  return 1 - 6 / (count ** 3 - count);
}

/** Ranks from 1; equal values share the mean of theirs. */
export function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((i, j) => values[i]! - values[j]!);
  const result = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (const i of order.slice(start, end)) result[i] = (start + 1 + end) / 2;
    start = end;
  }
  return result;
}

function pearson(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => {
    const [da, db] = [value - ma, b[i]! - mb];
    ab += da * db;
    aa += da * da;
    bb += db * db;
  });
  // Rounding may lift a perfect correlation above 1, where atanh ends.
  return Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb)));
}
