import { combine, createBasis, dot, norm, orthogonalise, rowOf, storeRow, subtract } from "./basis.ts";
import { type FloatArray, floatArray, roundoffOf } from "./float-array.ts";
import { BREAKDOWN, type Matvec } from "./lanczos.ts";
import { standardNormal, uniform } from "./rng.ts";
import { type SymmetricEigen, symmetricEigen } from "./tridiagonal.ts";

export interface TopEigenpairsOptions {
  /** Converged when each residual is at most tol·|λ₁| (or rounding, if that is more). Default 1e-4. */
  readonly tol?: number;
  /** Default 500. */
  readonly maxMatvecs?: number;
  /**
   * `restartVectors` (or `vectors`) of a nearby problem: a sum of them, with a little noise, is the start vector. Measured
   * on the MLP's trajectory, every second epoch, k = 3: 11 products from the sum, 14 from a random vector, 17–21 from the
   * subspace.
   * Default: a random vector.
   */
  readonly warmStart?: readonly FloatArray[];
  /** Picks all random vectors. Default 0. */
  readonly seed?: number;
  /** Precision of the products, and so of the basis. Default f64. */
  readonly precision?: "f32" | "f64";
  /** Basis vectors at most, before a thick restart. Default max(40, 4k). */
  readonly capacity?: number;
  /**
   * `search`: once k pairs have converged, look for further copies of multiple eigenvalues from random vectors orthogonal
   * to them, which one start vector cannot see. Default `simple`: eigenvalues are taken to be simple, unless a breakdown
   * shows that they are not.
   */
  readonly multiplicity?: "simple" | "search";
  /** Compute ‖Hv − λv‖ with one more product a pair, instead of trusting the recurrence. Default true. */
  readonly confirm?: boolean;
}

export interface TopEigenpairs {
  /** Algebraically largest first, k of them (fewer if maxMatvecs or a non-finite product came first). */
  readonly values: readonly number[];
  /** Unit vectors, each with its largest component positive. */
  readonly vectors: readonly FloatArray[];
  /** Residual norms ‖Hv − λv‖: computed when `confirm`, else from the recurrence. */
  readonly residuals: readonly number[];
  readonly numMatvecs: number;
  readonly status: "converged" | "max-matvecs" | "not-finite";
  /** Times the Krylov space became invariant, to be continued from a random vector orthogonal to it. */
  readonly numBreakdowns: number;
  /** `vectors` and a few more Ritz vectors: the warm start for a nearby problem, where eigenvalues may have crossed. */
  readonly restartVectors: readonly FloatArray[];
}

/** Ritz vectors kept beyond k for a warm start. */
const GUARD = 2;
/** Of those in a warm start's sum, beside 1 to k. */
const GUARD_WEIGHT = 0.05;
/** Noise on a warm start, relative to its norm (PROTOCOL B.2: never pure). */
const NOISE = 1e-3;
/** Steps from a random vector before its silence counts: O(log n) suffice (Kuczyński and Woźniakowski 1992). */
const SEARCH_STEPS = 10;

/**
 * The k algebraically largest eigenpairs of a symmetric operator of order n, by Lanczos with thick restarts and full
 * re-orthogonalisation (PROTOCOL B.2).
 *
 * State is the Krylov decomposition H V = V T + q cᵀ: V the processed rows of the basis, q the row still to be multiplied
 * ("pending"), T and c the projections on them. A restart replaces V by its leading Ritz vectors and leaves q alone (Wu and
 * Simon 2000; Stewart 2001), so the relation holds throughout, and |cᵀu| is the residual norm of T's eigenvector u.
 */
export async function topEigenpairs(
  matvec: Matvec,
  n: number,
  k: number,
  options: TopEigenpairsOptions = {},
): Promise<TopEigenpairs> {
  if (!(k >= 1 && k <= n)) throw new Error(`${k} eigenpairs of an operator of order ${n}`);
  const {
    tol = 1e-4,
    maxMatvecs = 500,
    seed = 0,
    precision = "f64",
    multiplicity = "simple",
    confirm = true,
  } = options;
  const roundoff = roundoffOf(precision);
  const capacity = Math.min(n, Math.max(options.capacity ?? Math.max(40, 4 * k), k + GUARD + 4));
  const basis = createBasis(capacity + 1, n, precision);
  // projection[i][j] = v_iᵀHv_j for processed j and any row i.
  const projection = Array.from({ length: capacity + 1 }, () => new Float64Array(capacity + 1));
  const [w, scratch, h] = [new Float64Array(n), new Float64Array(capacity + 1), new Float64Array(capacity + 1)];
  let processed = 0;
  let filled = 0;
  let numMatvecs = 0;
  let numBreakdowns = 0;
  let randomVectors = 0;
  let scale = 0;
  let mayBeMultiple = multiplicity === "search";
  let searchingSince: number | undefined;
  let locked: readonly number[] = [];

  if (options.warmStart === undefined || !addPending(noisySum(options.warmStart, k, n, seed))) addRandom();

  for (;;) {
    if (numMatvecs >= maxMatvecs) return finish("max-matvecs");
    if (!(await step())) return finish("not-finite");
    if (filled === processed && processed < n) {
      // The start vector has a part in every eigenspace: a space that ends before the whole has seen each value once.
      numBreakdowns++;
      mayBeMultiple = true;
      addRandom();
    }
    if (processed >= k) {
      const ritz = ritzPairs();
      if (isConverged(ritz)) {
        if (!mayBeMultiple || processed === n) return finish("converged", ritz);
        // Converged for the first time, or anew with another copy: lock the pairs and look beside them.
        if (searchingSince === undefined || foundMore(ritz)) search(ritz);
        else if (isSilent(ritz)) return finish("converged", ritz);
      }
    }
    if (filled >= capacity && processed < n) restart(ritzPairs());
  }

  /** Multiplies the first pending row; false if the product is not finite. */
  async function step(): Promise<boolean> {
    const j = processed;
    const row = rowOf(basis, j);
    w.set(await matvec(row));
    numMatvecs++;
    const own = dot(row, w);
    if (!Number.isFinite(own)) return false;
    // What the recurrence says first (one row, or all Ritz vectors after a restart): removing it tells nothing about lost
    // orthogonality, which the rule of `orthogonalise` is to judge.
    h.set(projection[j]!);
    h[j] = own;
    const first = h.findIndex((coefficient) => coefficient !== 0);
    subtract(basis, first === -1 ? j : first, j + 1, h, w);
    const left = orthogonalise(basis, filled, w, scratch, h);
    for (let i = 0; i <= j; i++) {
      projection[i]![j] = h[i]!;
      projection[j]![i] = h[i]!;
      scale = Math.max(scale, Math.abs(h[i]!));
    }
    processed++;
    if (left > BREAKDOWN * roundoff * scale && filled < n) {
      storeRow(basis, filled, w, left);
      projection[filled]!.fill(0);
      projection[filled]![j] = left;
      filled++;
    }
    return true;
  }

  interface Ritz extends SymmetricEigen {
    readonly residuals: readonly number[];
  }

  function ritzPairs(): Ritz {
    const rows = projection.slice(0, processed).map((row) => Array.from(row.subarray(0, processed)));
    const eigen = symmetricEigen(rows);
    const residuals = eigen.values.map((_, column) => Math.abs(coupling(eigen, column)));
    return { ...eigen, residuals };
  }

  /** cᵀu for eigenvector u of T: 0 without a pending row. */
  function coupling({ vectors }: SymmetricEigen, column: number): number {
    if (filled === processed) return 0;
    let total = 0;
    for (let j = 0; j < processed; j++) total += projection[processed]![j]! * vectors[j]![column]!;
    return total;
  }

  function isConverged({ values, residuals }: Ritz): boolean {
    // Where λ₁ is small beside the spectrum, rounding is all that can be asked for.
    const bound = Math.max(tol * Math.abs(values[0]!), BREAKDOWN * roundoff * scale);
    return residuals.slice(0, k).every((residual) => residual <= bound);
  }

  /** Whether the space beside the locked pairs has been sounded and holds nothing among the top k. */
  function isSilent({ values, residuals }: Ritz): boolean {
    if (numMatvecs - searchingSince! < SEARCH_STEPS || values.length <= k) return false;
    return values[k]! + residuals[k]! < values[k - 1]! || residuals[k]! <= tol * Math.abs(values[0]!);
  }

  function foundMore({ values }: Ritz): boolean {
    const bound = tol * Math.abs(values[0]!);
    return values.slice(0, k).some((value, i) => Math.abs(value - locked[i]!) > bound);
  }

  /** Locks the top pairs, forgets the rest, goes on from a random vector. */
  function search(ritz: Ritz): void {
    restart(ritz, k);
    filled = processed;
    locked = ritz.values.slice(0, k);
    searchingSince = numMatvecs;
    addRandom();
  }

  /** Keeps the leading Ritz vectors and the pending row. */
  function restart(ritz: Ritz, wanted = k + GUARD + Math.floor((processed - k) / 3)): void {
    const keep = Math.min(wanted, processed);
    const couplings = ritz.values.map((_, column) => coupling(ritz, column));
    const isPending = filled > processed;
    combine(basis, processed, ritz.vectors, keep).forEach((vector, i) => {
      storeRow(basis, i, vector, 1);
    });
    if (isPending) rowOf(basis, keep).set(rowOf(basis, processed));
    for (const row of projection) row.fill(0);
    for (let i = 0; i < keep; i++) {
      projection[i]![i] = ritz.values[i]!;
      if (isPending) projection[keep]![i] = couplings[i]!;
    }
    processed = keep;
    filled = isPending ? keep + 1 : keep;
  }

  /** Makes a vector's part orthogonal to the basis the pending row, with no coupling; false if there is none. */
  function addPending(vector: FloatArray): boolean {
    w.set(vector);
    const size = norm(w);
    const left = orthogonalise(basis, filled, w, scratch);
    if (!(left > BREAKDOWN * roundoff * size)) return false;
    storeRow(basis, filled, w, left);
    projection[filled]!.fill(0);
    filled++;
    return true;
  }

  function addRandom(): void {
    do randomVectors++;
    while (!addPending(standardNormal({ seed, name: `top-eigenpairs/${randomVectors}` }, n)));
  }

  async function finish(status: TopEigenpairs["status"], ritz: Ritz = ritzPairs()): Promise<TopEigenpairs> {
    const found = Math.min(k, processed);
    const vectors = combine(basis, processed, ritz.vectors, Math.min(k + GUARD, processed)).map(oriented);
    const residuals = ritz.residuals.slice(0, found);
    if (confirm && status !== "not-finite")
      for (let i = 0; i < found; i++) {
        residuals[i] = distanceOf(await matvec(vectors[i]!), vectors[i]!, ritz.values[i]!);
        numMatvecs++;
      }
    return {
      values: ritz.values.slice(0, found),
      vectors: vectors.slice(0, found),
      residuals,
      numMatvecs,
      status,
      numBreakdowns,
      restartVectors: vectors,
    };
  }

  function oriented(vector: Float64Array): FloatArray {
    let largest = 0;
    let square = 0;
    for (let i = 0; i < n; i++) {
      const value = vector[i]!;
      square += value * value;
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    const factor = (largest < 0 ? -1 : 1) / Math.sqrt(square);
    const result = floatArray(precision, n);
    for (let i = 0; i < n; i++) result[i] = factor * vector[i]!;
    return result;
  }
}

/** ‖product − value·vector‖. */
function distanceOf(product: FloatArray, vector: FloatArray, value: number): number {
  let square = 0;
  for (let i = 0; i < vector.length; i++) square += (product[i]! - value * vector[i]!) ** 2;
  return Math.sqrt(square);
}

/**
 * The sum of a warm start's vectors, with a little noise so that no direction is shut out. The i-th of the k wanted ones
 * has weight i: the last of them lies closest to the rest of the spectrum and converges last. Vectors beyond them are there
 * for eigenvalues that have crossed; the more of them in the sum, the more has to be removed again.
 */
function noisySum(vectors: readonly FloatArray[], k: number, n: number, seed: number): Float64Array {
  const sum = new Float64Array(n);
  for (const [j, vector] of vectors.entries()) {
    const weight = j < k ? j + 1 : GUARD_WEIGHT;
    for (let i = 0; i < n; i++) sum[i] = sum[i]! + weight * vector[i]!;
  }
  const noise = uniform({ seed, name: "top-eigenpairs/warm" }, n);
  // Uniform on ±1 has standard deviation 1/√3.
  const factor = NOISE * norm(sum) * Math.sqrt(3 / n);
  for (let i = 0; i < n; i++) sum[i] = sum[i]! + factor * (2 * noise[i]! - 1);
  return sum;
}
