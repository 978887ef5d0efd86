import { dot, norm } from "./basis.ts";
import type { FloatArray } from "./float-array.ts";
import type { CurvatureObjective } from "./objective.ts";
import { hessianEigenpairs } from "./spectrum.ts";
import type { TopEigenpairs } from "./top-eigenpairs.ts";

/** L and S on a straight line through θ. */
export interface LandscapeLine {
  /** x, ascending: the points are θ + x·g/‖g‖, so that gradient descent steps to the left. */
  readonly offsets: readonly number[];
  readonly loss: readonly number[];
  readonly sharpness: readonly number[];
  /** Where the parameters of an earlier epoch lie when they are projected on the line. */
  readonly previous: number;
  readonly gradientNorm: number;
}

export interface LandscapeOptions {
  /** θ two epochs earlier, `[P]`: one period of the oscillation. */
  readonly earlier: FloatArray;
  /** η */
  readonly rate: number;
  /** Odd, so that θ is one of them. */
  readonly points: number;
  readonly tol?: number;
  /** Is told each eigenpair, and the x that it is of. */
  readonly onSolve?: (pairs: TopEigenpairs, x: number) => void;
}

/** What a landscape asks of L. */
export type LandscapeObjective = Pick<
  CurvatureObjective,
  "float" | "numParams" | "gradient" | "evaluate" | "linearize"
>;

/** How far the line goes to either side, in lengths of a step. */
const REACH = 3;

/**
 * The landscape along the gradient's direction d = g/‖g‖, out to ±3·max(‖θ_t − θ_{t−2}‖, η‖g‖) (PROTOCOL B.7). All losses
 * at once as replicas; S point by point, each warm-started from its neighbour.
 */
export async function landscapeLine(
  objective: LandscapeObjective,
  theta: FloatArray,
  { earlier, rate, points, tol = 1e-4, onSolve }: LandscapeOptions,
): Promise<LandscapeLine> {
  if (points < 3 || points % 2 === 0) throw new Error(`a line of ${points} points has none in its middle`);
  const { grad } = await objective.gradient(theta);
  const gradientNorm = norm(grad);
  const direction = Float64Array.from(grad, (value) => value / gradientNorm);
  const back = Float64Array.from(theta, (value, i) => earlier[i]! - value);
  const reach = REACH * Math.max(norm(back), rate * gradientNorm);
  const middle = (points - 1) / 2;
  const offsets = Array.from({ length: points }, (_, i) => (reach * (i - middle)) / middle);
  const at = (x: number): Float64Array => Float64Array.from(theta, (value, i) => value + x * direction[i]!);

  const stacked = new Float64Array(points * theta.length);
  offsets.forEach((x, i) => {
    stacked.set(at(x), i * theta.length);
  });
  const { loss } = await objective.evaluate(stacked);

  const sharpness: number[] = [];
  let before: TopEigenpairs | undefined;
  for (const x of offsets) {
    before = await hessianEigenpairs(objective, at(x), 1, {
      tol,
      confirm: false,
      ...(before === undefined ? {} : { warmStart: before.restartVectors }),
    });
    onSolve?.(before, x);
    sharpness.push(before.values[0]!);
  }
  return { offsets, loss: Array.from(loss), sharpness, previous: dot(back, direction), gradientNorm };
}
