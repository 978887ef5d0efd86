import { createBasis, orthogonalise, project, rowOf, storeRow, subtract } from "./basis.ts";
import { type FloatArray, roundoffOf } from "./float-array.ts";
import { withHessian } from "./hessian.ts";
import { BREAKDOWN, type Matvec } from "./lanczos.ts";
import type { HessianProducts } from "./objective.ts";
import { standardNormal, uniform } from "./rng.ts";
import { type Estimate, estimate } from "./spectral-density.ts";

export interface TraceOptions {
  /** Products in all: a third each for the sketch, for its image and for the probes of what is left. At least 6. */
  readonly matvecs: number;
  /** Picks the random vectors. Default 0. */
  readonly seed?: number;
  /** Precision of the products, and so of the basis. Default f64. */
  readonly precision?: "f32" | "f64";
}

export interface TraceEstimate {
  /** tr H; the error is the standard error of its random part. */
  readonly trace: Estimate;
  /** ‖H‖²_F = tr H², from the same products. */
  readonly squaredNorm: Estimate;
  /** Dimension of the subspace in which both are exact. */
  readonly rank: number;
  readonly numMatvecs: number;
  readonly status: "complete" | "not-finite";
}

/**
 * Hutch++ (Meyer, Musco, Musco and Woodruff 2021, algorithm 1): with Q an orthonormal basis of the range of HS, S random, tr H = tr QᵀHQ + tr (I − QQᵀ)H(I − QQᵀ). The first part, where the large eigenvalues are, is computed; the second
 * is estimated from random signs g by Hutchinson's gᵀ(I − QQᵀ)H(I − QQᵀ)g, without bias whatever Q is. So the result is
 * exact, up to rounding, for operators whose rank is at most the number of sketches, and the error falls as 1/matvecs where
 * the spectrum decays. With P = I − QQᵀ likewise ‖H‖²_F = ‖HQ‖²_F + E‖HPg‖².
 */
export async function estimateTrace(
  matvec: Matvec,
  n: number,
  { matvecs, seed = 0, precision = "f64" }: TraceOptions,
): Promise<TraceEstimate> {
  const third = Math.floor(matvecs / 3);
  if (third < 2) throw new Error(`${matvecs} products are not enough for a trace with its error: 6 are`);
  const sketches = Math.min(third, n);
  const roundoff = roundoffOf(precision);
  const basis = createBasis(sketches + 1, n, precision);
  const [w, scratch] = [new Float64Array(n), new Float64Array(sketches + 1)];
  let rank = 0;
  let numMatvecs = 0;
  let scale = 0;

  /** w ← H·(row of the basis); false if it is not finite. */
  const multiply = async (row: number): Promise<boolean> => {
    w.set(await matvec(rowOf(basis, row)));
    numMatvecs++;
    return w.every(Number.isFinite);
  };
  const failed = (): TraceEstimate => {
    const none = { value: Number.NaN, error: Number.NaN };
    return { trace: none, squaredNorm: none, rank, numMatvecs, status: "not-finite" };
  };

  for (let i = 0; i < sketches; i++) {
    // Normal, not signs: those of a small operator may depend on one another.
    w.set(standardNormal({ seed, name: `hutch++/sketch/${i}` }, n));
    storeRow(basis, rank, w, 1);
    if (!(await multiply(rank))) return failed();
    scale = Math.max(scale, Math.sqrt(w.reduce((total, value) => total + value * value, 0)));
    const left = orthogonalise(basis, rank, w, scratch);
    // What is rounding beside the image of a sketch spans nothing: Q holds the whole range.
    if (!(left > BREAKDOWN * roundoff * scale)) break;
    storeRow(basis, rank, w, left);
    rank++;
  }

  let inside = 0;
  let insideSquare = 0;
  for (let row = 0; row < rank; row++) {
    if (!(await multiply(row))) return failed();
    const q = rowOf(basis, row);
    for (let i = 0; i < n; i++) {
      inside += q[i]! * w[i]!;
      insideSquare += w[i]! * w[i]!;
    }
  }

  const [outside, outsideSquare]: [number[], number[]] = [[], []];
  for (let probe = 0; probe < third; probe++) {
    w.set(uniform({ seed, name: `hutch++/probe/${probe}` }, n).map((value) => (value < 0.5 ? -1 : 1)));
    project(basis, 0, rank, w, scratch);
    subtract(basis, 0, rank, scratch, w);
    storeRow(basis, rank, w, 1);
    const g = rowOf(basis, rank);
    if (!(await multiply(rank))) return failed();
    let [product, square] = [0, 0];
    for (let i = 0; i < n; i++) {
      product += g[i]! * w[i]!;
      square += w[i]! * w[i]!;
    }
    outside.push(product);
    outsideSquare.push(square);
  }
  const [rest, restSquare] = [estimate(outside), estimate(outsideSquare)];
  return {
    trace: { value: inside + rest.value, error: rest.error },
    squaredNorm: { value: insideSquare + restSquare.value, error: restSquare.error },
    rank,
    numMatvecs,
    status: "complete",
  };
}

/** The trace and the Frobenius norm of the Hessian of L at θ `[P]`. */
export function hessianTrace(
  objective: HessianProducts,
  theta: FloatArray,
  options: Omit<TraceOptions, "precision">,
): Promise<TraceEstimate> {
  const { numParams, float } = objective;
  return withHessian(objective, theta, (matvec) => estimateTrace(matvec, numParams, { ...options, precision: float }));
}
