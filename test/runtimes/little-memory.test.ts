import { describe, expect, it } from "vitest";
import { imageNetwork } from "../../src/numerics/image-networks.ts";
import { GRADIENT_OUTPUTS, imagePrograms } from "../../src/numerics/image-programs.ts";
import { initialise } from "../../src/numerics/networks.ts";
import { standardNormal } from "../../src/numerics/rng.ts";
import type { Program } from "../../src/programs/program.ts";
import { sizeOf, type Tensor } from "../../src/programs/tensor.ts";
import { findChannelBlock } from "../../src/runtimes/onnx/channel-block.ts";
import { lowerProgram } from "../../src/runtimes/onnx/lower.ts";
import { encodeModel, type OnnxModel, type OnnxNode } from "../../src/runtimes/onnx/model.ts";
import { executionOrder } from "../../src/runtimes/onnx/order.ts";
import { inLittleMemory, loadPackage, sessionOptions, toOrt } from "../../src/runtimes/onnx/session.ts";
import { peakBytes } from "./liveness.ts";

const form = { count: 1024, interleave: 32 };

/** Bytes of all convolutions' results of one pass over 1,024 images: one image of each layer. */
function imageBytes(name: "vgg10" | "vgg19" | "resnet20"): number {
  const { equations } = imagePrograms(imageNetwork(name), "f32").loss(form);
  return equations
    .filter(({ primitive }) => primitive.name === "conv2d")
    .reduce((total, { output }) => total + 4 * output.shape.reduce((product, extent) => product * extent, 1), 0);
}

function programsOf(name: "vgg10" | "vgg19" | "resnet20"): { gradient: Program; product: Program; tangent: Program } {
  const programs = imagePrograms(imageNetwork(name), "f32");
  return {
    gradient: programs.gradient(form),
    product: programs.product(form),
    tangent: programs.linearized(form).tangent,
  };
}

const handed = (program: Program): OnnxModel => inLittleMemory(lowerProgram(program, "cpu", 16));

describe.each(["vgg10", "vgg19", "resnet20"] as const)("%s, 1,024 images", (name) => {
  const whole = imageBytes(name);
  const { gradient, product, tangent } = programsOf(name);

  // Of each layer a backward pass reads the convolution's result and the activation behind it: two images, and none is left for
  // the layer at hand unless activations are computed again from the results.
  it("a gradient keeps less than two images of each layer", () => {
    expect(peakBytes(handed(gradient))).toBeLessThan(2 * whole);
  });

  // The same with a tangent of each. A program that finished the first backward pass before the second one would keep six.
  it("a Hessian-vector product keeps less than four, as a linearized one does with its residuals", () => {
    expect(peakBytes(handed(product))).toBeLessThan(4 * whole);
    // Of the four, residuals hold the results; in place of their activations there is the layer at hand.
    expect(peakBytes(handed(tangent))).toBeLessThan(3 * whole);
  });
});

describe("a model in little memory", () => {
  const before = lowerProgram(programsOf("resnet20").product, "cpu", 16);
  const after = inLittleMemory(before);
  const maker = ({ nodes }: OnnxModel): Map<string, OnnxNode> => new Map(nodes.map((node) => [node.outputs[0]!, node]));
  const original = (value: string): string => value.replace(/\/again_\d+$/, "");

  it("has the same nodes on the same operands, and copies of cheap ones only", () => {
    const known = maker(before);
    expect(new Set(after.nodes.map(({ outputs }) => original(outputs[0]!)))).toEqual(new Set(known.keys()));
    for (const { op, domain, inputs, outputs } of after.nodes) {
      const twin = known.get(original(outputs[0]!))!;
      expect([op, domain, inputs.map(original)]).toEqual([twin.op, twin.domain, twin.inputs]);
    }
    const copied = after.nodes.filter(({ outputs }) => original(outputs[0]!) !== outputs[0]);
    const ops = new Set(copied.map(({ op }) => op));
    expect(ops).toContain("HardSigmoid");
    expect(ops).toContain("FusedConv");
    for (const op of ops) expect(["HardSigmoid", "FusedConv", "Conv", "Reshape"]).toContain(op);
  });

  it("says the copies in other words, or ONNX Runtime would join them", () => {
    const words = after.nodes.map(({ op, domain, inputs, attributes }) =>
      JSON.stringify([op, domain, inputs, attributes]),
    );
    expect(new Set(words).size).toBe(words.length);
  });

  it("is executed with operands first, every node once", () => {
    const order = executionOrder(after.nodes);
    expect([...order].sort((a, b) => a - b)).toEqual([...after.nodes.keys()]);
    const made = new Set([...after.inputs, ...after.initializers].map(({ name }) => name));
    for (const i of order) {
      expect(after.nodes[i]!.inputs.every((input) => input === "" || made.has(input))).toBe(true);
      made.add(after.nodes[i]!.outputs[0]!);
    }
  });

  it("leaves small programs as they are", () => {
    const small = lowerProgram(
      imagePrograms(imageNetwork("vgg10"), "f32").gradient({ count: 2, interleave: 2 }),
      "cpu",
      16,
    );
    expect(inLittleMemory(small).nodes.length).toBe(small.nodes.length);
  });
});

describe("results have the same bits as from the program's own order, with nothing computed again", () => {
  // Small enough to run, large enough that masks and batch norms wait long for their second reader.
  const [count, interleave] = [256, 32];
  const networks = [
    imageNetwork({ kind: "vgg", widths: [8, 16], convs: 2, dense: 32 }, { imageShape: [3, 16, 16] }),
    imageNetwork({ kind: "resnet", widths: [16, 32], blocks: 1 }, { imageShape: [3, 16, 16] }),
  ];

  it.each(networks)("$name: gradient, Hessian-vector product, linearization", async (network) => {
    const programs = imagePrograms(network, "f32");
    const form = { count, interleave };
    const gradient = programs.gradient(form);
    const { primal, tangent, tangentInputs } = programs.linearized(form);
    const float = (shape: readonly number[], values: Iterable<number>): Tensor => ({
      dtype: "f32",
      shape,
      data: Float32Array.from(values),
    });
    const normal = (name: string, shape: readonly number[]): Tensor =>
      float(shape, standardNormal({ seed: 0, name }, sizeOf(shape)));
    const [theta, x, y] = gradient.inputs.map(({ shape }) => shape) as [number[], number[], number[]];
    const inputs = [float(theta, initialise(network, 0)), normal("x", x), float(y, new Float32Array(sizeOf(y)))];
    for (let n = 0; n < count; n++) inputs[2]!.data[(n % network.classes) * count + n] = 1;
    const v = normal("v", theta);

    const api = await loadPackage();
    const channelBlock = await findChannelBlock(api);
    const run = async (model: OnnxModel, given: readonly Tensor[]): Promise<Tensor[]> => {
      const options = sessionOptions({ device: "cpu", threads: 1, outputsOnDevice: false });
      const session = await api.InferenceSession.create(encodeModel(model), options);
      const feeds = Object.fromEntries(model.inputs.map(({ name }, i) => [name, toOrt(api, given[i]!, "cpu")]));
      const results = await session.run(feeds);
      const outputs = model.outputs.map(({ name, shape }) => float(shape!, results[name]!.data as Float32Array));
      await session.release();
      return outputs;
    };
    const both = async (program: Program, given: readonly Tensor[]): Promise<Tensor[]> => {
      const model = lowerProgram(program, "cpu", channelBlock);
      const little = inLittleMemory(model);
      // Otherwise the comparison would say little.
      expect(little.nodes.length).toBeGreaterThan(model.nodes.length);
      const [plain, reordered] = [await run(model, given), await run(little, given)];
      for (const [i, { data }] of plain.entries())
        expect(reordered[i]!.data.findIndex((value, k) => !Object.is(value, data[k]))).toBe(-1);
      return plain;
    };

    await both(gradient, inputs);
    const [whole] = await both(programs.product(form), [...inputs, v]);
    expect(whole!.data.some((value) => value !== 0)).toBe(true);
    const residuals = (await both(primal, inputs)).slice(GRADIENT_OUTPUTS);
    await both(tangent, [...tangentInputs.map((i) => inputs[i]!), ...residuals, v]);
  });
});
