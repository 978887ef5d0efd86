import type { FloatArray } from "./float-array.ts";

/** ∇L at θ. */
export type GradientField = (theta: FloatArray) => Promise<FloatArray>;

/**
 * Gradient flow dθ/dt = −∇L(θ) over a time, by steps of the classical Runge–Kutta method of order 4, in float64. Stable
 * while S·time/steps < 2.78. One epoch of gradient descent with learning rate η is a time of η.
 */
export async function gradientFlow(
  gradient: GradientField,
  start: FloatArray,
  time: number,
  steps: number,
): Promise<Float64Array> {
  const h = time / steps;
  let theta = Float64Array.from(start);
  const shifted = (slope: FloatArray, by: number): Float64Array => theta.map((value, i) => value - by * slope[i]!);
  for (let step = 0; step < steps; step++) {
    const k1 = await gradient(theta);
    const k2 = await gradient(shifted(k1, h / 2));
    const k3 = await gradient(shifted(k2, h / 2));
    const k4 = await gradient(shifted(k3, h));
    theta = theta.map((value, i) => value - (h / 6) * (k1[i]! + 2 * k2[i]! + 2 * k3[i]! + k4[i]!));
  }
  return theta;
}
