/** What claims ask of a series of numbers. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/** Spearman's rank correlation, ties sharing their mean rank; NaN where one of the series is constant. */
export function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const [mx, my] = [mean(x), mean(y)];
  const covariance = (p: readonly number[], mp: number, q: readonly number[], mq: number): number =>
    p.reduce((sum, value, i) => sum + (value - mp) * (q[i]! - mq), 0);
  return covariance(x, mx, y, my) / Math.sqrt(covariance(x, mx, x, mx) * covariance(y, my, y, my));
}

function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}
