import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { norm } from "../../src/numerics/basis.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { imageNetwork } from "../../src/numerics/image-networks.ts";
import { makeImageObjective } from "../../src/numerics/image-objective.ts";
import { initialise } from "../../src/numerics/networks.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import { openReference } from "../../src/runtimes/reference.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { openForTest } from "../runtimes/devices.ts";
import { trigonometricImages } from "./image-cases.ts";

/**
 * Lowerings take other ways for large operands than for small ones: here a ghost batch has 16·16·16 positions. With ReLU,
 * strides, shortcuts and pooling as in the paper's networks, at widths that the float64 twin can do.
 */
const IMAGE = [3, 16, 16] as const;
const [COUNT, GHOST] = [24, 16];
const OPTIONS = { imageShape: IMAGE, classes: 10 } as const;
const NETWORKS = [
  imageNetwork({ kind: "vgg", widths: [4, 6], convs: 2, dense: 8 }, OPTIONS),
  imageNetwork({ kind: "resnet", widths: [4, 6], blocks: 2 }, OPTIONS),
  imageNetwork({ kind: "resnet", widths: [4, 6], blocks: 1, act: "before-addition" }, OPTIONS),
];

/** Up to ten layers whose statistics are sums of 4,096 terms, √4,096 = 64 roundoffs, there and back: twice for products. */
const SLACK = 2_600;

let runtime: Runtime;
beforeAll(async () => {
  const opened = await openForTest("onnx:cpu");
  if ("skipped" in opened) throw new Error(opened.skipped);
  runtime = opened;
});
afterAll(() => runtime.dispose());

describe.each(NETWORKS)("$name on onnx:cpu", (network) => {
  it("is the float64 twin's, to rounding: L, ∇L, statistics, Hv, ∇(vᵀHv), evaluation", async () => {
    const images = trigonometricImages(COUNT, IMAGE, 10);
    const theta = Float64Array.from(Float32Array.from(initialise(network, 2)));
    const v = standardNormal({ seed: 3, name: "v" }, network.numParams);
    const results: FloatArray[][] = [];
    for (const device of [openReference(), runtime]) {
      const objective = await makeImageObjective(device, network, { train: images }, { ghostBatch: GHOST });
      const { loss, grad, statistics } = await objective.gradient(theta);
      const around = await objective.linearize(theta);
      const measured = Float64Array.from(statistics[0]!.flatMap((values) => [...values]));
      const pooled = await objective.populationStatistics(theta);
      results.push([
        loss,
        grad,
        around.grad,
        measured,
        await around.hvp(v),
        await objective.curvatureGradient(theta, v),
        (await objective.evaluateWith(theta, pooled)).loss,
      ]);
      around.dispose();
      await objective.dispose();
    }
    const [exact, found] = results as [FloatArray[], FloatArray[]];
    found.forEach((values, i) => {
      const error = norm(Float64Array.from(values, (value, k) => value - exact[i]![k]!));
      expect(error, `result ${i}`).toBeLessThan(SLACK * runtime.unitRoundoff * norm(exact[i]!));
    });
  });
});
