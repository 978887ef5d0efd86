/** η by epoch: the step from θ_t to θ_{t+1} uses the rate at epoch t. */
export type LearningRate =
  | number
  /** `before` until epoch `at`, from there on `after`. */
  | { readonly before: number; readonly at: number; readonly after: number };

export function rateAt(rate: LearningRate, epoch: number): number {
  if (typeof rate === "number") return rate;
  return epoch < rate.at ? rate.before : rate.after;
}
