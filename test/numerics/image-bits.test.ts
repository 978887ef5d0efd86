import { describe, expect, it } from "vitest";
import { imageNetwork } from "../../src/numerics/image-networks.ts";
import { makeImageObjective } from "../../src/numerics/image-objective.ts";
import { initialise } from "../../src/numerics/networks.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { trigonometricImages } from "./image-cases.ts";

/** Images of one ghost batch and a partial one: interleaved by 32 and by 18. */
const [COUNT, GHOST] = [100, 64];

const NETWORKS = [
  imageNetwork({ kind: "vgg", widths: [8, 16], convs: 2, dense: 32 }, { imageShape: [3, 16, 16] }),
  imageNetwork({ kind: "resnet", widths: [16, 32], blocks: 1 }, { imageShape: [3, 16, 16] }),
];

describe.each(NETWORKS)("$name on onnx:cpu", (network) => {
  it("has the same bits with one thread and with two, in the gradient and in the linearization", async () => {
    const theta = initialise(network, 0);
    const v = standardNormal({ seed: 0, name: "v" }, network.numParams);
    const results: number[][] = [];
    for (const threads of [1, 2]) {
      const runtime = await openRuntime("onnx:cpu", { threads });
      if ("reason" in runtime) return expect.fail(runtime.message);
      const images = trigonometricImages(COUNT, [3, 16, 16], 10);
      const objective = await makeImageObjective(runtime, network, { train: images }, { ghostBatch: GHOST });
      const { loss, grad, statistics } = await objective.gradient(theta);
      const around = await objective.linearize(theta);
      const product = await around.hvp(v);
      results.push([...loss, ...grad, ...statistics[0]!.flatMap((values) => [...values]), ...around.grad, ...product]);
      around.dispose();
      await objective.dispose();
      await runtime.dispose();
    }
    const [first, ...others] = results as [number[], ...number[][]];
    for (const other of others) expect(other.findIndex((value, i) => !Object.is(value, first[i]))).toBe(-1);
    // The gradient of the linearization is that of the gradient program: which one computes it is decided by memory.
    const P = network.numParams;
    const grad = first.slice(1, 1 + P);
    expect(first.slice(-2 * P, -P).findIndex((value, i) => !Object.is(value, grad[i]))).toBe(-1);
  });
});
