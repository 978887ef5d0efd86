import { type Basis, createBasis, dot, norm, orthogonalise, rowOf, storeRow, subtract } from "./basis.ts";
import { type FloatArray, roundoffOf } from "./float-array.ts";

/** A symmetric operator as its products; asynchronous because devices are. The vector it is given is valid until it resolves. */
export type Matvec = (v: FloatArray) => Promise<FloatArray>;

export interface LanczosResult {
  /** Diagonal of T. Fewer than `steps` entries after a breakdown. */
  readonly alpha: Float64Array;
  /** β_j is ‖w_j‖ before normalising: the sub-diagonal of T, and last the norm of the residual (one entry for each of α). */
  readonly beta: Float64Array;
  /** Krylov basis, one row for each entry of α. */
  readonly basis: Basis;
  readonly numMatvecs: number;
  /** `breakdown`: the Krylov space became invariant, so that T's eigenvalues are eigenvalues. */
  readonly status: "complete" | "breakdown" | "not-finite";
}

/**
 * `steps` steps of Lanczos from `start` (any norm), with full re-orthogonalisation by the modified Parlett–Kahan rule
 * (PROTOCOL B.2): H V = V T + β_m v_{m+1} e_mᵀ. The Ritz pair of T's eigenvector u has residual norm β_m |u_m|.
 */
export async function lanczos(matvec: Matvec, start: FloatArray, steps: number): Promise<LanczosResult> {
  const n = start.length;
  const precision = start instanceof Float32Array ? "f32" : "f64";
  const roundoff = roundoffOf(precision);
  const limit = Math.min(steps, n);
  const basis = createBasis(limit + 1, n, precision);
  const [alpha, beta] = [new Float64Array(limit), new Float64Array(limit)];
  const [local, scratch, w] = [new Float64Array(limit + 1), new Float64Array(limit + 1), new Float64Array(n)];
  storeRow(basis, 0, start, norm(start));
  let scale = 0;
  for (let j = 0; j < limit; j++) {
    w.set(await matvec(rowOf(basis, j)));
    alpha[j] = dot(rowOf(basis, j), w);
    if (!Number.isFinite(alpha[j]!)) return finish(j, "not-finite");
    // The two terms of the recurrence first: what they remove says nothing about lost orthogonality.
    local[j] = alpha[j]!;
    if (j > 0) local[j - 1] = beta[j - 1]!;
    subtract(basis, Math.max(0, j - 1), j + 1, local, w);
    beta[j] = orthogonalise(basis, j + 1, w, scratch);
    scale = Math.max(scale, Math.abs(alpha[j]!) + beta[j]!);
    if (beta[j]! <= BREAKDOWN * roundoff * scale) {
      beta[j] = 0;
      return finish(j + 1, "breakdown");
    }
    storeRow(basis, j + 1, w, beta[j]!);
  }
  return finish(limit, "complete");

  function finish(count: number, status: LanczosResult["status"]): LanczosResult {
    const numMatvecs = status === "not-finite" ? count + 1 : count;
    return { alpha: alpha.slice(0, count), beta: beta.slice(0, count), basis, numMatvecs, status };
  }
}

/** A residual below this many roundoffs of the matrix is rounding. */
export const BREAKDOWN = 16;
