import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, it } from "vitest";
import { evaluate } from "../../src/programs/evaluate.ts";
import { add, conv2d, conv2dFilterGradient, reshape } from "../../src/programs/ops.ts";
import type { Program } from "../../src/programs/program.ts";
import { type Shape, sizeOf, type Tensor } from "../../src/programs/tensor.ts";
import { trace } from "../../src/programs/trace.ts";
import { findChannelBlock } from "../../src/runtimes/onnx/channel-block.ts";
import { lowerProgram } from "../../src/runtimes/onnx/lower.ts";
import { openOnnx } from "../../src/runtimes/onnx/runtime.ts";
import { createProgramSession, loadPackage, toOrt } from "../../src/runtimes/onnx/session.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import { createRandom, float64, moved, norm } from "../programs/support.ts";

const SAME = [
  [1, 1],
  [1, 1],
] as const;
/** Of float32. */
const UNIT = 2 ** -24;
const random = createRandom(7);
const numbers = (shape: Shape): Tensor => ({
  dtype: "f32",
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, () => 2 * random() - 1),
});

const opened = await Promise.all([openOnnx("cpu", { threads: 1 }), openOnnx("cpu", { threads: 2 })]);
const runtimes = opened.map((runtime) => {
  if (isUnavailable(runtime)) throw new Error(runtime.message);
  return runtime;
});
afterAll(async () => {
  for (const runtime of runtimes) await runtime.dispose();
});

const inputsOf = (program: Program): Tensor[] => program.inputs.map(({ shape }) => numbers(shape));

describe("filter gradients of more images than fit into a chunk", () => {
  // 4·m·H·W = 1 MB a channel, in three blocks: wide, as wide as high, high.
  it.each([
    [2, 1],
    [1, 1],
    [1, 2],
  ])("of %i channels and %i filters, on one thread and on two", async (channels, filters) => {
    const [m, size] = [64, 64];
    const program = trace(
      (x, g) => [conv2dFilterGradient(x, g, { strides: [1, 1], padding: SAME, interleave: m, kernelSize: [3, 3] })],
      [
        { name: "x", aval: { dtype: "f32", shape: [1, 3, channels, size, size * m] } },
        { name: "g", aval: { dtype: "f32", shape: [1, 3, filters, size, size * m] } },
      ],
      ["dw"],
    );
    expect(lowerProgram(program, "cpu").nodes.filter(({ op }) => op === "FusedMatMul").length).toBe(2);
    const inputs = inputsOf(program);
    const wanted = evaluate(program, inputs)[0]!;
    const computed: Float32Array[] = [];
    for (const runtime of runtimes) {
      const executable = await runtime.compile(program);
      computed.push((await executable.run(inputs))[0]!.data as Float32Array);
      await executable.dispose();
    }
    // Random terms of size 1/3: their sum grows like the root of their number, and so does its error in float32, by less
    // than n^¼ (blocks of sums) beyond it.
    const terms = 3 * m * size * size;
    expect(norm(moved(float64(wanted.shape, computed[0]!), -1, wanted)) / norm(wanted)).toBeLessThan(
      terms ** 0.5 * UNIT,
    );
    expect(computed[1]).toEqual(computed[0]);
  });
});

describe("convolutions by blocks of channels", async () => {
  const block = await findChannelBlock(ort);
  const m = 4;
  /** A sum of two convolutions, and an offset: the second one adds the first, without a way back between them. */
  const sum = (channels: number, filters: number): Program =>
    trace(
      (x, y, v, w, b) => {
        const convolve = (images: typeof x, kernels: typeof v) =>
          conv2d(images!, kernels!, { strides: [1, 1], padding: SAME, interleave: m });
        return [add(add(convolve(x, v), convolve(y, w)), reshape(b!, [1, 1, filters, 1, 1]))];
      },
      [
        ...["x", "y"].map((name) => ({ name, aval: { dtype: "f32", shape: [1, 8, channels, 8, 8 * m] } as const })),
        ...["v", "w"].map((name) => ({ name, aval: { dtype: "f32", shape: [1, filters, channels, 3, 3] } as const })),
        { name: "b", aval: { dtype: "f32", shape: [filters] } },
      ],
      ["sum"],
    );

  it("has a block of 16 or 8 numbers, where there are such kernels", () => {
    expect([1, 8, 16]).toContain(block);
  });

  it.each([
    ["whole blocks", 16, 16],
    ["channels fewer than a block", 3, 16],
    ["filters that leave a part of a block empty", 16, 12],
    ["both", 8, 10],
  ])("%s: the same sum as without them, on one thread and on two", async (_, channels, filters) => {
    const program = sum(channels, filters);
    const inputs = inputsOf(program);
    const api = await loadPackage();
    const outputs: Float32Array[] = [];
    for (const [channelBlock, threads] of [
      [1, 1],
      [block, 1],
      [block, 2],
    ] as const) {
      const settings = { device: "cpu", threads, outputsOnDevice: false, channelBlock } as const;
      const session = await createProgramSession(api, program, settings);
      const [y] = await session.run(inputs.map((input) => toOrt(api, input, "cpu")));
      outputs.push(y!.data as Float32Array);
      await session.release();
    }
    const [plain, blocked, parallel] = outputs as [Float32Array, Float32Array, Float32Array];
    const wide = (values: Float32Array): Tensor => float64([values.length], values);
    const off = norm(moved(wide(blocked), -1, wide(plain))) / norm(wide(plain));
    // Each a float32 sum of 2·9·channels random terms: an error that grows like their number's root.
    expect(off).toBeLessThan(2 * Math.sqrt(18 * channels) * UNIT);
    expect(parallel).toEqual(blocked);
  });

  it("go back from blocks once, behind the sum", () => {
    const ops = (channels: number, filters: number, channelBlock: number): string[] =>
      lowerProgram(sum(channels, filters), "cpu", channelBlock).nodes.map(({ op }) => op);
    const count = (names: readonly string[], name: string): number => names.filter((op) => op === name).length;
    const whole = ops(16, 16, 16);
    expect([count(whole, "ReorderInput"), count(whole, "ReorderOutput")]).toEqual([2, 1]);
    // 20 channels are no whole blocks, and 7 filters less than half of one.
    expect(ops(20, 16, 16)).not.toContain("ReorderInput");
    expect(ops(8, 7, 16)).not.toContain("ReorderOutput");
    expect(ops(16, 16, 1)).not.toContain("ReorderInput");
  });
});
