import { describe, expect, it } from "vitest";
import { loadPlan } from "../../src/engine/config/load.ts";
import type { Instance, Plan } from "../../src/engine/plan/plan.ts";
import { type ImageNetworkSpec, imageNetwork } from "../../src/numerics/image-networks.ts";
import { sizeOf } from "../../src/programs/tensor.ts";
import { trace } from "../../src/programs/trace.ts";
import { repository } from "../rig/workspace.ts";

/** Multiply-accumulates of a forward pass over one image: as many for each number of a layer's output as a weight has inputs. */
function macsOf(spec: ImageNetworkSpec): number {
  const network = imageNetwork(spec);
  const { equations } = trace(
    (theta, x) => [network.forward(theta, x)],
    [
      { name: "theta", aval: { dtype: "f32", shape: [1, network.numParams] } },
      { name: "x", aval: { dtype: "f32", shape: [1, 1, ...network.inputShape] } },
    ],
    ["logits"],
  );
  let total = 0;
  for (const { primitive, inputs, output } of equations) {
    // Filters are [R, out, in, 3, 3], images the other operand; of a product W·x, W is [R, out, in].
    if (primitive.name === "conv2d") total += sizeOf(output.shape) * sizeOf(inputs[1]!.shape.slice(2));
    if (primitive.name === "matmul") total += sizeOf(output.shape) * inputs[0]!.shape[2]!;
  }
  return total;
}

interface Params {
  readonly network: ImageNetworkSpec;
  readonly ghostBatch: number;
  readonly spec: { readonly train: number; readonly augment?: { readonly copies: number } };
}

const paramsOf = ({ params }: Instance): Params => params as unknown as Params;

/** Samples of the training set that an instance is given as its dep `data`. */
function itemsOf(plan: Plan, { deps }: Instance): number {
  const data = deps.find((dep) => dep.name === "data");
  if (data?.type !== "out") throw new Error("no dep `data`");
  const source = plan.instances.find(({ name }) => name === data.from[0]!.instance)!;
  const { train, augment } = paramsOf(source).spec;
  return train * (augment?.copies ?? 1);
}

/** Of a gradient a multiply-accumulate is 2 operations, forward, and twice that backward; of a Hessian-vector product twice all of it. */
const GRADIENT = 6;
const PRODUCT = 12;

describe("the work that pipeline.yaml declares", () => {
  it("counts multiply-accumulates as papers do", () => {
    // He et al. 2016, table 1 for ResNet-110's smaller sister: 0.27 M parameters, and 40.6 M by its layers' shapes.
    const shapes = [
      [32 * 32, 3 * 16, 1],
      [32 * 32, 16 * 16, 6],
      [16 * 16, 16 * 32, 1],
      [16 * 16, 32 * 32, 5],
      [8 * 8, 32 * 64, 1],
      [8 * 8, 64 * 64, 5],
    ] as const;
    const convolutions = shapes.reduce((sum, [pixels, channels, count]) => sum + 9 * pixels * channels * count, 0);
    expect(macsOf("resnet20")).toBe(convolutions + 64 * 10);
  });

  it.each(["quick", "laptop", "paper"])("follows the networks and the data: %s", async (profile) => {
    const loaded = await loadPlan(repository, { profile });
    if (!("plan" in loaded)) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
    const { plan } = loaded;
    const counted = plan.instances.filter(({ work }) => work?.unit === "GFLOP");
    expect(new Set(counted.map(({ stage }) => stage)).size).toBe(10);
    for (const instance of counted) {
      const { network, ghostBatch } = paramsOf(instance);
      const [items, { amount, steps }] = [itemsOf(plan, instance), instance.work!];
      const operations = /spectrum|curvature|stable/.test(instance.stage) ? PRODUCT : GRADIENT;
      // A step is a ghost batch.
      const expected = (operations * macsOf(network) * Math.min(items, ghostBatch)) / 1e9;
      const declared = amount / steps!;
      // Of 0.5 % by three digits, and 0.4 % as the last batch of 50,000 images is smaller.
      expect(Math.abs(declared / expected - 1), `${instance.name}: ${declared}, not ${expected}`).toBeLessThan(0.01);
    }
  });
});
