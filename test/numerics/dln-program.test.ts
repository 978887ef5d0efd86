import { afterAll, describe, expect, it } from "vitest";
import {
  eigenpairs,
  gradient,
  hessian,
  type Polynomial,
  QUADRATIC,
  sharpnessGradient,
} from "../../src/numerics/dln.ts";
import { dlnProgram } from "../../src/numerics/dln-program.ts";
import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import { mul, sum } from "../../src/programs/ops.ts";
import type { Program } from "../../src/programs/program.ts";
import type { Tensor } from "../../src/programs/tensor.ts";
import { inline, trace } from "../../src/programs/trace.ts";
import type { DeviceName, Runtime } from "../../src/runtimes/runtime.ts";
import { openForTest } from "../runtimes/devices.ts";

const QUARTIC: Polynomial = [0, 0, 1, 0.25, 0.125];

const CASES = [
  { name: "PROTOCOL C.1's start", thetas: [[-0.1, 10]], z: QUADRATIC },
  {
    name: "three parameters and three replicas",
    thetas: [
      [0.5, 2, 3],
      [-1, 1.5, 0.25],
      [2, -2, 1],
    ],
    z: QUADRATIC,
  },
  {
    name: "a quartic z",
    thetas: [
      [0.75, -1.5],
      [1.25, 2],
    ],
    z: QUARTIC,
  },
] as const;

/** θ, v ↦ L, ∇L, Hv and ∇θ(vᵀHv): ∇S where v is v₁ (Hellmann–Feynman). */
function derivedProgram(replicas: number, n: number, z: Polynomial): Program {
  const hvp = jvp(grad(dlnProgram(replicas, n, z), { wrt: [0] }), { wrt: [0] });
  const curvature = trace(
    (theta, v) => {
      const [loss, g, , hv] = inline(hvp, [theta!, v!]);
      return [sum(mul(hv!, v!), [1]), loss!, g!, hv!];
    },
    [0, 1].map((i) => ({ name: ["theta", "v"][i]!, aval: hvp.inputs[i]! })),
    ["curvature", "loss", "gradient", "hv"],
  );
  return grad(curvature, { wrt: [0] });
}

function tensor(rows: readonly (readonly number[])[]): Tensor {
  return { dtype: "f32", shape: [rows.length, rows[0]!.length], data: new Float32Array(rows.flat()) };
}

const DEVICES: readonly DeviceName[] = ["reference:cpu", "onnx:cpu", "onnx:webgpu", "tensorflow:cpu"];
for (const device of DEVICES) {
  const runtime = await openForTest(device);
  describe.skipIf("skipped" in runtime)(`derivatives of the diagonal linear network on ${device}`, () => {
    afterAll(async () => (runtime as Runtime).dispose());

    it.each(CASES)("equal their closed forms: $name", async ({ thetas, z }) => {
      const { compile, unitRoundoff } = runtime as Runtime;
      // Round first: the closed forms take the very numbers that a float32 runtime sees.
      const rounded = thetas.map((theta) => Array.from(Float32Array.from(theta)));
      const vectors = rounded.map((theta) => Array.from(Float32Array.from(eigenpairs(theta, z).vectors[0]!)));
      const executable = await compile(derivedProgram(rounded.length, rounded[0]!.length, z));
      const [, , g, hv, gradS] = await executable.run([tensor(rounded), tensor(vectors)]);
      const n = rounded[0]!.length;
      rounded.forEach((theta, r) => {
        const row = (t: Tensor): number[] => Array.from(t.data.subarray(r * n, (r + 1) * n));
        const h = hessian(theta, z);
        // A component sums at most a few dozen products of size ≤ the largest: 64 roundings of that size bound it.
        // v itself is rounded to float32, which moves vᵀ∂Hv by 2·2⁻²⁴‖∂H‖ on any runtime.
        const close = (found: number[], wanted: readonly number[], extra = 0): void => {
          const bound = 64 * (unitRoundoff + extra) * Math.max(...wanted.map(Math.abs), ...h.flat().map(Math.abs));
          wanted.forEach((value, i) => void expect(Math.abs(found[i]! - value)).toBeLessThanOrEqual(bound));
        };
        close(row(g!), gradient(theta, z));
        close(
          row(hv!),
          h.map((line) => line.reduce((sum, x, k) => sum + x * vectors[r]![k]!, 0)),
        );
        close(row(gradS!), sharpnessGradient(theta, z), 2 ** -24);
      });
      await executable.dispose();
    });
  });
}
