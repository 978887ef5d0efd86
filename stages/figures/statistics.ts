import { rankCorrelation } from "../../src/numerics/rank-correlation.ts";

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
  return rankCorrelation(a, b).value;
}
