import type { FloatArray } from "./float-array.ts";
import { withHessian } from "./hessian.ts";
import { lanczos, type Matvec } from "./lanczos.ts";
import type { HessianProducts } from "./objective.ts";
import { standardNormal } from "./rng.ts";
import { tridiagonalEigen } from "./tridiagonal.ts";

/** A probe's view of the spectrum: Σ weights·f(nodes) estimates tr f(H)/n, and is exact for polynomials of degree < 2·steps. */
export interface Quadrature {
  /** Ritz values, descending. */
  readonly nodes: readonly number[];
  /** Their sum is 1. */
  readonly weights: readonly number[];
  /** ‖Hv − λv‖ of each Ritz pair: a node whose residual is small is an eigenvalue to that distance. */
  readonly residuals: readonly number[];
}

export interface QuadratureOptions {
  /** Random start vectors: the error falls with their square root. */
  readonly probes: number;
  /** Products for each: the resolution is about the spectrum's width divided by them. */
  readonly steps: number;
  /** Picks the start vectors. Default 0. */
  readonly seed?: number;
  /** Precision of the products, and so of the basis. Default f64. */
  readonly precision?: "f32" | "f64";
}

export interface SpectralQuadrature {
  /** One for each probe; fewer if a product was not finite. */
  readonly quadratures: readonly Quadrature[];
  readonly numMatvecs: number;
  readonly status: "complete" | "not-finite";
}

/**
 * Stochastic Lanczos quadrature of a symmetric operator of order n (Golub and Meurant 1994; Ubaru, Chen and Saad 2017;
 * for the Hessians of networks Ghorbani, Krishnan and Xiao 2019): start vectors uniform on the sphere, for which
 * E vᵀf(H)v = tr f(H)/n, each with full re-orthogonalisation, without which eigenvalues would be counted again and again.
 */
export async function spectralQuadrature(
  matvec: Matvec,
  n: number,
  { probes, steps, seed = 0, precision = "f64" }: QuadratureOptions,
): Promise<SpectralQuadrature> {
  if (!(probes >= 1 && steps >= 1)) throw new Error(`${probes} probes of ${steps} steps`);
  const quadratures: Quadrature[] = [];
  let numMatvecs = 0;
  for (let probe = 0; probe < probes; probe++) {
    const normal = standardNormal({ seed, name: `spectral-density/${probe}` }, n);
    const start: FloatArray = precision === "f32" ? Float32Array.from(normal) : normal;
    const { alpha, beta, numMatvecs: spent, status } = await lanczos(matvec, start, steps);
    numMatvecs += spent;
    if (status === "not-finite") return { quadratures, numMatvecs, status };
    const { values, vectors } = tridiagonalEigen(alpha, beta);
    const [first, last] = [vectors[0]!, vectors.at(-1)!];
    quadratures.push({
      nodes: values,
      weights: first.map((component) => component ** 2),
      residuals: last.map((component) => beta.at(-1)! * Math.abs(component)),
    });
  }
  return { quadratures, numMatvecs, status: "complete" };
}

/** Quadratures of the spectrum of the Hessian of L at θ `[P]`. */
export function hessianQuadrature(
  objective: HessianProducts,
  theta: FloatArray,
  options: Omit<QuadratureOptions, "precision">,
): Promise<SpectralQuadrature> {
  const { numParams, float } = objective;
  return withHessian(objective, theta, (matvec) =>
    spectralQuadrature(matvec, numParams, { ...options, precision: float }),
  );
}

/**
 * A probe with what Lanczos knows for certain taken out of the randomness: the Ritz values that converged from either end
 * of the spectrum (residual at most tol·max|λ|) get the weight 1/n of a simple eigenvalue, and the others share the rest, as
 * they do in the quadrature of the probe's part orthogonal to those eigenvectors. It is this that gives outliers their
 * mass: a probe's own weight for one eigenvalue is that mass times χ²₁. Not for multiple extreme eigenvalues, which it
 * would count once.
 */
export function deflate({ nodes, weights, residuals }: Quadrature, n: number, tol: number): Quadrature {
  const bound = tol * Math.max(...nodes.map(Math.abs));
  const open = residuals.flatMap((residual, i) => (residual <= bound ? [] : [i]));
  const [first, last] = [open[0] ?? nodes.length, open.at(-1) ?? -1];
  const isKnown = (i: number): boolean => i < first || i > last;
  const known = nodes.filter((_, i) => isKnown(i)).length;
  const rest = weights.reduce((total, weight, i) => (isKnown(i) ? total : total + weight), 0);
  // A Krylov space that closed early may have seen an eigenvalue once that is there many times: then there is no rest.
  if (known === 0 || (known === nodes.length && known < n)) return { nodes, weights, residuals };
  const factor = (1 - known / n) / rest;
  return { nodes, residuals, weights: weights.map((weight, i) => (isKnown(i) ? 1 / n : weight * factor)) };
}

/** A mean over probes and its standard error, NaN with a single probe. */
export interface Estimate {
  readonly value: number;
  readonly error: number;
}

/** tr f(H)/n. */
export function spectralMean(quadratures: readonly Quadrature[], f: (eigenvalue: number) => number): Estimate {
  return estimate(
    quadratures.map(({ nodes, weights }) => nodes.reduce((total, node, i) => total + weights[i]! * f(node), 0)),
  );
}

/**
 * The density of the spectrum at the given points, each eigenvalue broadened to a Gaussian of standard deviation `width`:
 * its integral is 1, and n times the integral over an interval is how many eigenvalues lie there, up to the width.
 */
export function spectralDensity(
  quadratures: readonly Quadrature[],
  points: readonly number[],
  width: number,
): Estimate[] {
  if (!(width > 0)) throw new Error(`a density broadened by ${width}`);
  const height = 1 / (width * Math.sqrt(2 * Math.PI));
  return points.map((point) =>
    spectralMean(quadratures, (node) => height * Math.exp(-0.5 * ((point - node) / width) ** 2)),
  );
}

/** Mean of independent samples, with its standard error. */
export function estimate(samples: readonly number[]): Estimate {
  const count = samples.length;
  const value = samples.reduce((total, sample) => total + sample, 0) / count;
  const square = samples.reduce((total, sample) => total + (sample - value) ** 2, 0);
  return { value, error: Math.sqrt(square / (count - 1) / count) };
}
