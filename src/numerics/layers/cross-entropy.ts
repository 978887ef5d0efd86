import { exp, full, log, max, mean, mul, select, step, stopGradient, sub, sum } from "../../programs/ops.ts";
import type { Variable } from "../../programs/variable.ts";

/**
 * Mean softmax cross-entropy −(1/N) Σ_n log softmax(z_n)_{y_n} of logits `[R, C, N]`; targets are one-hot `[1, C, N]`.
 * Result `[R]`. The maximum that is taken out for the exponentials' sake is a constant of differentiation.
 */
export function crossEntropy(logits: Variable, targets: Variable): Variable {
  const shifted = sub(logits, stopGradient(max(logits, [1], { keep: true })));
  const normaliser = log(sum(exp(shifted), [1], { keep: true })); // [R, 1, N]
  const chosen = sum(mul(shifted, targets), [1], { keep: true });
  return mean(sub(normaliser, chosen), [1, 2]);
}

/** Samples whose target has the strictly greatest logit, `[R]`: a tie is not correct, nor is a NaN. */
export function countCorrect(logits: Variable, targets: Variable): Variable {
  const fixed = stopGradient(logits);
  const target = sum(mul(fixed, targets), [1], { keep: true }); // [R, 1, N], exact: all terms but one are zero
  const none = full([1, 1, 1], Number.MIN_SAFE_INTEGER, logits.dtype);
  const rival = max(select(targets, none, fixed), [1], { keep: true });
  return sum(step(sub(target, rival)), [1, 2]);
}
