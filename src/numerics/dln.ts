/**
 * The diagonal linear network (paper, section 3.1 and appendices B, C): Θ = ∏ θ_i and L = z(Θ) for a nonnegative convex
 * polynomial z with its minimum at 0. Everything the paper derives about it, exact in float64. θ is a list of n ≥ 2 numbers.
 *
 * Slips of the paper that are corrected here: the updates carry their minus sign, and the eigenvector's ratio is taken from
 * (H − λ)v = 0, so that R₂ = β + √(β² + 1) is reached without the misprinted r₂ of its appendix B.1.
 */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** z(Θ) = Σ c_k Θᵏ by its coefficients [c₀, c₁, …]. */
export type Polynomial = readonly number[];

/** z = Θ², the case of Figure 1. */
export const QUADRATIC: Polynomial = [0, 0, 1];

/** z, z′, z″ and z‴ at Θ. */
export function derivatives(z: Polynomial, at: number): readonly [number, number, number, number] {
  const result: [number, number, number, number] = [0, 0, 0, 0];
  let polynomial: number[] = [...z];
  for (let order = 0; order < 4; order++) {
    result[order] = polynomial.reduceRight((value, coefficient) => value * at + coefficient, 0);
    polynomial = polynomial.slice(1).map((coefficient, k) => coefficient * (k + 1));
  }
  return result;
}

/** Θ = ∏ θ_i, left out the factors at `without`. No division, so zeros are no special case. */
export function product(theta: readonly number[], ...without: readonly number[]): number {
  return theta.reduce((value, factor, i) => (without.includes(i) ? value : value * factor), 1);
}

/** ∇L `[n]`: z′ ∂Θ/∂θ_i. */
export function gradient(theta: readonly number[], z: Polynomial = QUADRATIC): number[] {
  const [, first] = derivatives(z, product(theta));
  return theta.map((_, i) => first * product(theta, i));
}

/** H `[n][n]`: z″ ∂_iΘ ∂_jΘ + z′ ∂_ijΘ. For n = 2: [[z″θ₂², z″Θ + z′], [·, z″θ₁²]]. */
export function hessian(theta: readonly number[], z: Polynomial = QUADRATIC): number[][] {
  const [, first, second] = derivatives(z, product(theta));
  return theta.map((_, i) =>
    theta.map((_, j) => second * product(theta, i) * product(theta, j) + (i === j ? 0 : first * product(theta, i, j))),
  );
}

export interface Eigenpairs {
  /** Descending. */
  readonly values: readonly number[];
  /** Unit vectors, `vectors[i]` to `values[i]`; the first component that is not zero is positive. */
  readonly vectors: readonly (readonly number[])[];
}

/** All eigenpairs of H: in closed form for n = 2, by ml-matrix for more. */
export function eigenpairs(theta: readonly number[], z: Polynomial = QUADRATIC): Eigenpairs {
  const h = hessian(theta, z);
  if (theta.length === 2) return eigenpairs2(h[0]![0]!, h[0]![1]!, h[1]![1]!);
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(new Matrix(h), { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  return {
    values: order.map((i) => realEigenvalues[i]!),
    vectors: order.map((i) => oriented(eigenvectorMatrix.getColumn(i))),
  };
}

/** Of [[a, b], [b, c]]: λ = m ± √(d² + b²) with m, d = (a ± c)/2; the vectors by half the angle of (d, b), which never cancels. */
function eigenpairs2(a: number, b: number, c: number): Eigenpairs {
  const mean = (a + c) / 2;
  const radius = Math.hypot((a - c) / 2, b);
  const angle = Math.atan2(b, (a - c) / 2) / 2;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return { values: [mean + radius, mean - radius], vectors: [oriented([cos, sin]), oriented([-sin, cos])] };
}

function oriented(vector: readonly number[]): readonly number[] {
  const leading = vector.find((component) => component !== 0) ?? 1;
  return leading < 0 ? vector.map((component) => -component) : vector;
}

/** S = λ₁(H). */
export function sharpness(theta: readonly number[], z: Polynomial = QUADRATIC): number {
  return eigenpairs(theta, z).values[0]!;
}

/**
 * ∇S `[n]` = D³L[v₁, v₁, ·] with v₁ held fixed (Hellmann–Feynman; needs a simple λ₁), in closed form from
 * ∂_ijkL = z‴ ∂_iΘ ∂_jΘ ∂_kΘ + z″ (∂_ijΘ ∂_kΘ + ∂_ikΘ ∂_jΘ + ∂_jkΘ ∂_iΘ) + z′ ∂_ijkΘ.
 */
export function sharpnessGradient(theta: readonly number[], z: Polynomial = QUADRATIC): number[] {
  const [, first, second, third] = derivatives(z, product(theta));
  const v = eigenpairs(theta, z).vectors[0]!;
  const d1 = theta.map((_, i) => product(theta, i));
  const d2 = (i: number, j: number): number => (i === j ? 0 : product(theta, i, j));
  const d3 = (i: number, j: number, k: number): number => (i === j || j === k || i === k ? 0 : product(theta, i, j, k));
  return theta.map((_, k) => {
    let total = 0;
    for (let i = 0; i < theta.length; i++) {
      for (let j = 0; j < theta.length; j++) {
        const mixed = d2(i, j) * d1[k]! + d2(i, k) * d1[j]! + d2(j, k) * d1[i]!;
        total += v[i]! * v[j]! * (third * d1[i]! * d1[j]! * d1[k]! + second * mixed + first * d3(i, j, k));
      }
    }
    return total;
  });
}

/** α = −∇L·∇S, the progressive sharpening factor (Damian et al. 2023; paper, section 2.1). */
export function progressiveSharpening(theta: readonly number[], z: Polynomial = QUADRATIC): number {
  const g = gradient(theta, z);
  return -sharpnessGradient(theta, z).reduce((sum, component, i) => sum + component * g[i]!, 0);
}

/** β = |z″(θ₂² − θ₁²) / 2(z′ + z″Θ)| for n = 2 (equation 1); infinite where Θ = 0, where v₁ is along a parameter. */
export function beta(theta: readonly number[], z: Polynomial = QUADRATIC): number {
  const [a, b] = pair(theta);
  const [, first, second] = derivatives(z, a * b);
  return Math.abs((second * (b * b - a * a)) / (2 * (first + second * a * b)));
}

/** R₂ = |u₁₁/u₁₂| = β + √(β² + 1), the alignment of v₁ with the sharper parameter (equation 1). */
export function alignment2(theta: readonly number[], z: Polynomial = QUADRATIC): number {
  const b = beta(theta, z);
  return b + Math.hypot(b, 1);
}

/**
 * R_n(k) = |u₁₁/u₁ₖ| = f(θ_k)/f(θ₁), f(θ) = |θ|(λ₁ + z′Θ/θ²) (equation 14); k counts from 0, no θ is zero.
 * For θ₁ the sharpest parameter it is ≥ 1.
 */
export function alignmentN(theta: readonly number[], k: number, z: Polynomial = QUADRATIC): number {
  const big = product(theta);
  const [, first] = derivatives(z, big);
  const top = sharpness(theta, z);
  const f = (x: number): number => Math.abs(x) * (top + (first * big) / (x * x));
  return f(theta[k]!) / f(theta[0]!);
}

/** γ_β = β(θ − η∇L)/β(θ) (equation 2), exact for quadratic z without an offset, its leading order else. */
export function gammaBeta(theta: readonly number[], eta: number, z: Polynomial = QUADRATIC): number {
  const { s, first } = ratios(theta, z);
  const x = eta * first;
  return Math.abs((1 - x * x) / (1 - s * x + x * x));
}

export interface Thresholds {
  /** Learning rates at which Θ, hence γ_β's denominator, vanishes after one step: θ₁/θ₂z′ and θ₂/θ₁z′, ascending. */
  readonly asymptotes: readonly [number, number];
  /** γ_β = 1 (η z′ = 2/s): below it R₂ grows (stable), above it R₂ falls (unstable). */
  readonly unity: number;
  /** γ_β = 0 (|η z′| = 1). */
  readonly zero: number;
  /** η_eos = 2θ₁/θ₂z′, which is 2/z″θ₂² for quadratic z: the stability threshold along the sharper parameter. */
  readonly edge: number;
}

/** The learning rates that divide the regimes of γ_β (paper, section 3.1), n = 2, |θ₂| > |θ₁| > 0. */
export function thresholds(theta: readonly number[], z: Polynomial = QUADRATIC): Thresholds {
  const [a, b] = pair(theta);
  const { s, first } = ratios(theta, z);
  return {
    asymptotes: [a / b / first, b / a / first],
    unity: 2 / s / first,
    zero: Math.abs(1 / first),
    edge: (2 * a) / b / first,
  };
}

function ratios(theta: readonly number[], z: Polynomial): { readonly s: number; readonly first: number } {
  const [a, b] = pair(theta);
  const [, first] = derivatives(z, a * b);
  return { s: a / b + b / a, first };
}

function pair(theta: readonly number[]): readonly [number, number] {
  const [a, b] = theta;
  if (theta.length !== 2 || a === undefined || b === undefined) {
    throw new Error(`this closed form is for 2 parameters, got ${theta.length}`);
  }
  return [a, b];
}
