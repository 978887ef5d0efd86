import { alignment2, derivatives, eigenpairs, gradient, type Polynomial, product, QUADRATIC } from "./dln.ts";

export interface DlnState {
  readonly step: number;
  readonly theta: readonly number[];
  /** Θ = ∏ θ_i. */
  readonly product: number;
  readonly loss: number;
  readonly sharpness: number;
  /** v₁, a unit vector whose first component is positive. */
  readonly vector: readonly number[];
  /** R₂ for n = 2 (infinite where Θ is exactly 0), undefined for more parameters. */
  readonly alignment: number | undefined;
}

export interface DlnTrajectory {
  readonly eta: number;
  /** From the start on, the state that met the ending last. */
  readonly states: readonly DlnState[];
  readonly ending: "converged" | "diverged" | "max-steps";
}

export interface DlnOptions {
  readonly z?: Polynomial;
  /** |Θ| below which the trajectory has converged; 1e-10 unless told (PROTOCOL C.1). */
  readonly tolerance?: number;
  readonly maxSteps?: number;
}

/** Gradient descent θ ← θ − η∇L from `start` until |Θ| < tolerance, in float64. Divergence is an ending, not an exception. */
export function descend(start: readonly number[], eta: number, options: DlnOptions = {}): DlnTrajectory {
  const { z = QUADRATIC, tolerance = 1e-10, maxSteps = 1_000_000 } = options;
  const states: DlnState[] = [];
  let theta = start;
  for (let step = 0; ; step++) {
    const big = product(theta);
    if (!Number.isFinite(big)) return { eta, states, ending: "diverged" };
    states.push(stateAt(step, theta, z));
    if (Math.abs(big) < tolerance) return { eta, states, ending: "converged" };
    if (step === maxSteps) return { eta, states, ending: "max-steps" };
    const g = gradient(theta, z);
    theta = theta.map((value, i) => value - eta * g[i]!);
  }
}

function stateAt(step: number, theta: readonly number[], z: Polynomial): DlnState {
  const big = product(theta);
  const { values, vectors } = eigenpairs(theta, z);
  return {
    step,
    theta,
    product: big,
    loss: derivatives(z, big)[0],
    sharpness: values[0]!,
    vector: vectors[0]!,
    alignment: theta.length === 2 ? alignment2(theta, z) : undefined,
  };
}

export interface DlnSummary {
  readonly finalSharpness: number;
  readonly maxProduct: number;
  /** The step of `maxProduct`. */
  readonly maxProductStep: number;
  readonly minAlignment: number | undefined;
  readonly minAlignmentStep: number | undefined;
  /** How many states have S > 2/η. */
  readonly stepsAboveThreshold: number;
  /** Whether R₂ never falls from one state to the next. */
  readonly alignmentRises: boolean | undefined;
}

/** The columns of PROTOCOL C.1's table. */
export function summarise({ eta, states }: DlnTrajectory): DlnSummary {
  const largest = best(states, (state) => Math.abs(state.product));
  const alignments = states.map((state) => state.alignment);
  const smallest = best(states, (state) => -(state.alignment ?? Number.NaN));
  const two = alignments[0] !== undefined;
  return {
    finalSharpness: states.at(-1)!.sharpness,
    maxProduct: Math.abs(largest.product),
    maxProductStep: largest.step,
    minAlignment: two ? smallest.alignment : undefined,
    minAlignmentStep: two ? smallest.step : undefined,
    stepsAboveThreshold: states.filter((state) => state.sharpness > 2 / eta).length,
    alignmentRises: two ? alignments.every((value, i) => i === 0 || value! >= alignments[i - 1]!) : undefined,
  };
}

function best(states: readonly DlnState[], score: (state: DlnState) => number): DlnState {
  return states.reduce((winner, state) => (score(state) > score(winner) ? state : winner));
}
