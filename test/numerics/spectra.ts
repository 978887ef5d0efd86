import { norm } from "../../src/numerics/basis.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { Matvec } from "../../src/numerics/lanczos.ts";
import { standardNormal } from "../../src/numerics/rng.ts";

/** Symmetric operators with known spectra. */

export function diagonal(values: readonly number[]): Matvec {
  return async (v) => v.map((component, i) => values[i]! * component) as FloatArray;
}

/** diag(values) between Householder reflections by two fixed vectors: the same spectrum, dense eigenvectors. */
export function rotated(values: readonly number[], seed = 1): Matvec {
  const n = values.length;
  const mirrors = [0, 1].map((i) => {
    const u = standardNormal({ seed, name: `mirror/${i}` }, n);
    const length = norm(u);
    return u.map((component) => component / length);
  });
  return async (v) => {
    const single = v instanceof Float32Array;
    let w = Float64Array.from(v);
    for (const mirror of mirrors) w = reflect(w, mirror);
    w = w.map((component, i) => values[i]! * component);
    for (const mirror of [...mirrors].reverse()) w = reflect(w, mirror);
    return single ? Float32Array.from(w) : w;
  };
}

function reflect(v: Float64Array, u: Float64Array): Float64Array<ArrayBuffer> {
  const factor = 2 * v.reduce((total, component, i) => total + component * u[i]!, 0);
  return Float64Array.from(v, (component, i) => component - factor * u[i]!);
}

/** Counts products. */
export function counting(matvec: Matvec): Matvec & { readonly count: number } {
  let count = 0;
  const counted = (v: FloatArray): Promise<FloatArray> => {
    count++;
    return matvec(v);
  };
  return Object.defineProperty(counted, "count", { get: () => count }) as Matvec & { readonly count: number };
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
