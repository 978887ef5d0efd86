import { afterAll, describe, expect, test } from "vitest";
import { evaluate, toFloat64 } from "../../src/programs/evaluate.ts";
import { grad } from "../../src/programs/grad.ts";
import { jvp } from "../../src/programs/jvp.ts";
import * as ops from "../../src/programs/ops.ts";
import type { Program } from "../../src/programs/program.ts";
import { withOutputs } from "../../src/programs/simplify.ts";
import { type Shape, sizeOf, type Tensor } from "../../src/programs/tensor.ts";
import { trace } from "../../src/programs/trace.ts";
import type { Variable } from "../../src/programs/variable.ts";
import { lowerProgram } from "../../src/runtimes/onnx/lower.ts";
import { openOnnx } from "../../src/runtimes/onnx/runtime.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import { createRandom, maxPool, moved, norm } from "../programs/support.ts";

const IMAGES = 64;
const INTERLEAVE = 32;
const SIZE = 8;
const CHANNELS = 2;
const WIDTH = 8;
const PARAMETERS: readonly Shape[] = [
  [WIDTH, CHANNELS, 3, 3],
  [WIDTH],
  [WIDTH],
  [WIDTH],
  [WIDTH, WIDTH, 3, 3],
  [WIDTH],
  [2 * WIDTH, WIDTH, 3, 3],
];
const NUM_PARAMS = PARAMETERS.reduce((total, shape) => total + sizeOf(shape), 0);
const SAME = [
  [1, 1],
  [1, 1],
] as const;

/**
 * All that fusions look for, on images that are large enough for them: a convolution with a bias, batch norm, `relu`, a
 * short cut, max-pooling, a strided convolution. tanh stands in for relu where values are compared with float64: a kink's
 * mask would decide on a rounding.
 */
function traceNetwork(replicas: number, activation: (x: Variable) => Variable): Program {
  return trace(
    (theta, x) => {
      let offset = 0;
      const [w1, b1, gain, shift, w2, b2, w3] = PARAMETERS.map((shape) => {
        const start = offset;
        offset += sizeOf(shape);
        return ops.reshape(ops.sliceAxis(theta!, 1, start, offset), [replicas, ...shape]);
      }) as Variable[];
      const perChannel = (value: Variable): Variable => ops.reshape(value, [replicas, 1, WIDTH, 1, 1]);
      const convolve = (images: Variable, w: Variable): Variable =>
        ops.conv2d(images, w, { padding: SAME, interleave: INTERLEAVE });
      const first = activation(
        batchNorm(ops.add(convolve(x!, w1!), perChannel(b1!)), perChannel(gain!), perChannel(shift!)),
      );
      const block = activation(ops.add(batchNorm(convolve(first, w2!), perChannel(b2!), perChannel(shift!)), first));
      const strided = ops.conv2d(block, w3!, { padding: SAME, strides: [2, 2], interleave: INTERLEAVE });
      return [ops.mean(ops.mul(ops.square(strided), maxPool(ops.concat([block, block], 2), INTERLEAVE)), [1, 2, 3, 4])];
    },
    [
      { name: "theta", aval: { dtype: "f32", shape: [replicas, NUM_PARAMS] } },
      { name: "x", aval: { dtype: "f32", shape: [1, IMAGES / INTERLEAVE, CHANNELS, SIZE, SIZE * INTERLEAVE] } },
    ],
    ["loss"],
  );
}

function batchNorm(z: Variable, gain: Variable, shift: Variable): Variable {
  const mean = ops.mean(z, [1, 3, 4], { keep: true });
  const variance = ops.sub(ops.mean(ops.square(z), [1, 3, 4], { keep: true }), ops.square(mean));
  const factor = ops.mul(gain, ops.rsqrt(ops.addScalar(variance, 1e-5)));
  return ops.add(ops.mul(z, factor), ops.sub(shift, ops.mul(mean, factor)));
}

function product(replicas: number, activation: (x: Variable) => Variable): Program {
  const gradient = grad(traceNetwork(replicas, activation), { wrt: [0] });
  return withOutputs(jvp(gradient, { wrt: [0] }), [0, 1, 3]);
}

const random = createRandom(5);
const numbers = (shape: Shape): Tensor => ({
  dtype: "f32",
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, () => 2 * random() - 1),
});
const thetas = numbers([3, NUM_PARAMS]);
const directions = numbers([3, NUM_PARAMS]);
const x = numbers([1, IMAGES / INTERLEAVE, CHANNELS, SIZE, SIZE * INTERLEAVE]);
const replicasOf = ({ data }: Tensor, first: number, count: number): Tensor => ({
  dtype: "f32",
  shape: [count, NUM_PARAMS],
  data: data.slice(first * NUM_PARAMS, (first + count) * NUM_PARAMS) as Float32Array,
});

const runtimes = await Promise.all([openOnnx("cpu", { threads: 1 }), openOnnx("cpu", { threads: 2 })]);
const [one, two] = runtimes.map((runtime) => {
  if (isUnavailable(runtime)) throw new Error(runtime.message);
  return runtime;
}) as [Exclude<(typeof runtimes)[0], { reason: string }>, Exclude<(typeof runtimes)[0], { reason: string }>];
afterAll(async () => {
  await one.dispose();
  await two.dispose();
});

describe("fused lowerings", () => {
  test("are what a convolutional network is lowered to", () => {
    const names = lowerProgram(product(1, ops.relu), "cpu").nodes.map(({ op }) => op);
    for (const op of ["FusedConv", "Gather", "Max"]) expect(names, op).toContain(op);
    const webgpu = lowerProgram(product(1, ops.relu), "webgpu").nodes;
    expect(webgpu.filter(({ domain }) => domain !== "")).toEqual([]);
  });

  test("compute loss, gradient and HVP", async () => {
    const program = product(1, ops.tanh);
    const inputs = [replicasOf(thetas, 0, 1), x, replicasOf(directions, 0, 1)];
    const outputs = evaluate(program, inputs);
    const executable = await two.compile(program);
    const computed = await executable.run(inputs);
    // Sums of 4,096 terms in float32 (√4096·2⁻²⁴ ≈ 4e-6), through three layers and back, twice differentiated: within 1e-4.
    // A term that a fusion loses is of order 1.
    computed.forEach((tensor, i) => {
      const wanted = toFloat64(outputs[i]!);
      const off = moved(toFloat64(tensor), -1, wanted);
      expect(norm(off) / norm(wanted), program.outputNames[i]).toBeLessThan(1e-4);
    });
    await executable.dispose();
  });

  test("give a replica the same bits alone and among others, on one thread and on two", async () => {
    const outputsOf = async (runtime: typeof one, first: number, count: number) => {
      const executable = await runtime.compile(product(count, ops.relu));
      const given = [replicasOf(thetas, first, count), x, replicasOf(directions, first, count)];
      const outputs = await executable.run(given);
      await executable.dispose();
      return outputs.map(({ data }) => data as Float32Array);
    };
    const together = await outputsOf(two, 0, 3);
    for (const runtime of [one, two])
      for (let r = 0; r < 3; r++) {
        const alone = await outputsOf(runtime, r, 1);
        alone.forEach((own, i) => {
          const size = own.length;
          expect(together[i]!.slice(r * size, (r + 1) * size), `output ${i} of replica ${r}`).toEqual(own);
        });
      }
  });
});
