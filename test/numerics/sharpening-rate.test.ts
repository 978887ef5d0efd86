import { afterAll, beforeAll, expect, it } from "vitest";
import { norm } from "../../src/numerics/basis.ts";
import { initialise, mlp } from "../../src/numerics/networks.ts";
import { makeObjective, type Objective, sharpeningRate } from "../../src/numerics/objective.ts";
import { hessianEigenpairs } from "../../src/numerics/spectrum.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import { trigonometricSamples } from "./cases.ts";

let runtime: Runtime;
let objective: Objective;
beforeAll(async () => {
  const opened = await openRuntime("reference:cpu");
  if (isUnavailable(opened)) throw new Error(opened.message);
  runtime = opened;
  // Smooth: difference quotients of a ReLU network cross its kinks (PROTOCOL B.4).
  const network = mlp([8, 6, 6, 4], { activation: "tanh", bias: true });
  objective = await makeObjective(runtime, network, { train: trigonometricSamples(20, 8, 4) });
});
afterAll(async () => {
  await objective.dispose();
  await runtime.dispose();
});

it.each([1, 2, 3])("α is the difference quotient of S itself along −∇L, seed %d", async (seed) => {
  const theta = initialise(objective.network, seed);
  const sharpness = async (at: Float64Array) => hessianEigenpairs(objective, at, 1, { tol: 1e-12 });
  const { vectors } = await sharpness(theta);
  const [alpha] = await sharpeningRate(objective, theta, vectors[0]!);
  const { grad } = await objective.gradient(theta);
  const direction = (Float64Array.from(grad) as Float64Array).map((g) => g / norm(grad));
  // Richardson's extrapolation of two central quotients: error O(h⁴), with h = 10⁻³ below 10⁻⁹ of S, and rounding 10⁻¹⁶/h.
  const quotient = async (h: number): Promise<number> => {
    const at = async (x: number) =>
      (await sharpness(theta.map((t, i) => t - x * direction[i]!) as Float64Array)).values[0]!;
    return ((await at(h)) - (await at(-h))) / (2 * h);
  };
  const slope = (4 * (await quotient(1e-3)) - (await quotient(2e-3))) / 3;
  expect(Math.abs(alpha! - norm(grad) * slope)).toBeLessThan(1e-7 * (1 + Math.abs(alpha!)));
});
