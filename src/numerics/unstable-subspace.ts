import { dot } from "./basis.ts";
import type { FloatArray } from "./float-array.ts";

/**
 * What happens along the unstable directions U = {v_i : λ_i > 2/η} in a step of gradient descent (PROTOCOL B.8): `plain`
 * leaves them alone (η_u = η), `frozen` takes no step along them (η_u = 0), `reduced` one that is stable for them
 * (η_u = 1/S), `only` takes no other. `sharpest` takes steps along all given eigenvectors, unstable or not, and no others.
 */
export type UnstableUpdate = "plain" | "frozen" | "reduced" | "only" | "sharpest";

export interface Eigenpairs {
  /** Descending. */
  readonly values: readonly number[];
  /** Orthonormal. */
  readonly vectors: readonly FloatArray[];
}

/** The gradient's part in the span of orthonormal vectors, g_U = UUᵀg, and the rest. */
export function splitGradient(
  gradient: FloatArray,
  vectors: readonly FloatArray[],
): { readonly inside: Float64Array; readonly outside: Float64Array } {
  const inside = new Float64Array(gradient.length);
  for (const vector of vectors) {
    const component = dot(vector, gradient);
    for (let i = 0; i < inside.length; i++) inside[i] = inside[i]! + component * vector[i]!;
  }
  return { inside, outside: inside.map((part, i) => gradient[i]! - part) };
}

/** The pairs with λ > 2/η. */
export function unstablePairs({ values, vectors }: Eigenpairs, eta: number): Eigenpairs {
  const count = values.filter((value) => value > 2 / eta).length;
  return { values: values.slice(0, count), vectors: vectors.slice(0, count) };
}

/** θ after one step, θ − η(g − g_U) − η_u g_U, or θ − ηg_U for `only` and `sharpest`. In float64. */
export function stepWith(
  update: UnstableUpdate,
  theta: FloatArray,
  gradient: FloatArray,
  pairs: Eigenpairs,
  eta: number,
): Float64Array {
  const { vectors } = update === "sharpest" ? pairs : unstablePairs(pairs, eta);
  const { inside, outside } = splitGradient(gradient, vectors);
  const [along, beside] = rates(update, eta, pairs.values[0]!);
  return Float64Array.from(theta, (value, i) => value - along * inside[i]! - beside * outside[i]!);
}

/** η along U and beside it. */
function rates(update: UnstableUpdate, eta: number, sharpness: number): readonly [number, number] {
  switch (update) {
    case "plain":
      return [eta, eta];
    case "frozen":
      return [0, eta];
    case "reduced":
      return [1 / sharpness, eta];
    case "only":
    case "sharpest":
      return [eta, 0];
    default:
      return update satisfies never;
  }
}
