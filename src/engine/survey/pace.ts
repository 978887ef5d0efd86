import type { Work } from "../plan/plan.ts";

/** An execution: how much work it was, how long it took, and in how many steps it was done where that was declared. */
export type Sample = readonly [amount: number, seconds: number, steps?: number];

const NEAREST = 5;
/** Steps whose sizes differ by less than this factor go at one pace. */
const ALIKE = 1.5;

/**
 * Seconds of a piece of work by executions of its own stage, else by `all` whose work has the same unit. Where its steps are
 * declared, first by those whose steps were about as large; else, since a small step may be mostly what any step takes
 * (calls, many small arrays), by the two-part pace of steps of several sizes.
 */
export function secondsOf(work: Work, own: readonly Sample[], all: () => readonly Sample[]): number | undefined {
  const { amount, steps } = work;
  if (steps !== undefined) {
    const alike = (samples: readonly Sample[]): readonly Sample[] =>
      samples.filter((sample) => sample[2] !== undefined && ratio(sizeOf(sample), amount / steps) < ALIKE);
    const nearby = alike(own);
    if (nearby.length > 0) return inProportion(amount, nearby);
    const others = alike(all());
    if (others.length > 0) return inProportion(amount, others);
    const pace = paceOf(all());
    if (pace !== undefined) return steps * pace.step + amount * pace.unit;
  }
  return inProportion(amount, own.length > 0 ? own : all());
}

/**
 * Work × the median of the seconds per unit of the five executions that are nearest in work, by ratio. The nearest, since
 * a process also takes time to start: among small pieces of work a unit looks dearer than it is in a large one.
 */
function inProportion(amount: number, samples: readonly Sample[]): number | undefined {
  const nearest = [...samples].sort(([a], [b]) => ratio(a, amount) - ratio(b, amount)).slice(0, NEAREST);
  if (nearest.length === 0) return undefined;
  return amount * median(nearest.map(([other, seconds]) => seconds / other));
}

/**
 * Seconds of a step and of a unit of work, neither below 0: the least squares of relative errors over the median steps of
 * each size. Undefined where all steps are of one size, or large ones took no longer than small ones.
 */
function paceOf(samples: readonly Sample[]): { readonly step: number; readonly unit: number } | undefined {
  const sizes: { readonly size: number; readonly seconds: number[] }[] = [];
  for (const sample of samples) {
    const [, seconds, steps] = sample;
    if (steps === undefined) continue;
    const size = sizeOf(sample);
    const group = sizes.find((each) => ratio(each.size, size) < ALIKE);
    if (group === undefined) sizes.push({ size, seconds: [seconds / steps] });
    else group.seconds.push(seconds / steps);
  }
  if (sizes.length < 2) return undefined;
  // With weights 1/seconds: Σ (step/y + unit·x/y − 1)² is least.
  let [ss, su, uu, s, u] = [0, 0, 0, 0, 0];
  for (const { size, seconds } of sizes) {
    const y = median(seconds);
    const [a, b] = [1 / y, size / y];
    ss += a * a;
    su += a * b;
    uu += b * b;
    s += a;
    u += b;
  }
  const determinant = ss * uu - su * su;
  const [step, unit] = [(s * uu - u * su) / determinant, (u * ss - s * su) / determinant];
  if (!(unit > 0)) return undefined;
  return step >= 0 ? { step, unit } : { step: 0, unit: u / uu };
}

const sizeOf = ([amount, , steps]: Sample): number => amount / steps!;

const ratio = (a: number, b: number): number => Math.max(a / b, b / a);

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
