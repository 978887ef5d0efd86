import * as ops from "../../src/programs/ops.ts";
import type { Program } from "../../src/programs/program.ts";
import { type Aval, type Shape, sizeOf, type Tensor } from "../../src/programs/tensor.ts";
import { trace } from "../../src/programs/trace.ts";
import type { Variable } from "../../src/programs/variable.ts";

/** Numbers in [0, 1) from a seed: mulberry32, so that a failing draw can be drawn again. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function float64(shape: Shape, data: ArrayLike<number>): Tensor {
  return { dtype: "f64", shape, data: Float64Array.from(data) };
}

/** Uniform in the interval; whole numbers for bytes. */
export function draw(aval: Aval, random: () => number, [low, high]: readonly [number, number] = [-1, 1]): Tensor {
  const data = Float64Array.from({ length: sizeOf(aval.shape) }, () => low + (high - low) * random());
  return aval.dtype === "u8"
    ? { dtype: "u8", shape: aval.shape, data: Uint8Array.from(data, Math.floor) }
    : float64(aval.shape, data);
}

export function dot(a: Tensor, b: Tensor): number {
  return Float64Array.from(a.data).reduce((total, value, i) => total + value * b.data[i]!, 0);
}

export function norm(a: Tensor): number {
  return Math.sqrt(dot(a, a));
}

/** a + factor·b. */
export function moved(a: Tensor, factor: number, b: Tensor): Tensor {
  return float64(
    a.shape,
    Float64Array.from(a.data, (value, i) => value + factor * b.data[i]!),
  );
}

/** The largest difference of two tensors, over the larger of 1 and the second's largest element. */
export function distance(a: Tensor, b: Tensor): number {
  if (a.data.length !== b.data.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let scale = 1;
  for (let i = 0; i < a.data.length; i++) {
    difference = Math.max(difference, Math.abs(a.data[i]! - b.data[i]!));
    scale = Math.max(scale, Math.abs(b.data[i]!));
  }
  return difference / scale;
}

export function count(program: Program, name: string): number {
  return program.equations.filter((equation) => equation.primitive.name === name).length;
}

export interface MlpSizes {
  readonly layers: readonly number[];
  readonly replicas: number;
  readonly samples: number;
}

export function numParams({ layers }: MlpSizes): number {
  return layers.slice(1).reduce((total, rows, i) => total + rows * layers[i]!, 0);
}

/** The mean softmax cross-entropy of a bias-free network: features are rows, samples are columns. */
export function traceMlpLoss(sizes: MlpSizes, activation: (x: Variable) => Variable = ops.relu): Program {
  const { layers, replicas, samples } = sizes;
  const [features, classes] = [layers[0]!, layers.at(-1)!];
  return trace(
    (theta, x, y) => {
      let h = ops.reshape(x!, [1, features, samples]);
      let offset = 0;
      layers.slice(1).forEach((rows, i) => {
        const columns = layers[i]!;
        const flat = ops.sliceAxis(theta!, 1, offset, offset + rows * columns);
        offset += rows * columns;
        const z = ops.matmul(ops.reshape(flat, [replicas, rows, columns]), h); // [R, rows, N]
        h = i === layers.length - 2 ? z : activation(z);
      });
      const shifted = ops.sub(h, ops.stopGradient(ops.max(h, [1], { keep: true })));
      const logSum = ops.log(ops.sum(ops.exp(shifted), [1], { keep: true })); // [R, 1, N]
      const picked = ops.sum(ops.mul(shifted, ops.reshape(y!, [1, classes, samples])), [1], { keep: true });
      return [ops.mean(ops.sub(logSum, picked), [1, 2])]; // [R]
    },
    [
      { name: "theta", aval: { dtype: "f32", shape: [replicas, numParams(sizes)] } },
      { name: "x", aval: { dtype: "f32", shape: [features, samples] } },
      { name: "y", aval: { dtype: "f32", shape: [classes, samples] } },
    ],
    ["loss"],
  );
}

/** Inputs for `traceMlpLoss`: weights and samples without a random generator, one-hot labels i mod C (PROTOCOL C.6). */
export function mlpInputs(sizes: MlpSizes): Tensor[] {
  const { layers, replicas, samples } = sizes;
  const [features, classes] = [layers[0]!, layers.at(-1)!];
  const theta = Float64Array.from({ length: replicas * numParams(sizes) }, (_, k) => Math.sin((k + 1) ** 2) / 3);
  const x = Float64Array.from({ length: features * samples }, (_, k) => Math.SQRT2 * Math.sin((k + 1) ** 2));
  const y = new Float64Array(classes * samples);
  for (let i = 0; i < samples; i++) y[(i % classes) * samples + i] = 1;
  return [
    float64([replicas, numParams(sizes)], theta),
    float64([features, samples], x),
    float64([classes, samples], y),
  ];
}

/** Max-pool 2×2 of the blocked layout: row pairs, then column pairs; ties go to the first in row-major order. */
export function maxPool(x: Variable, interleave: number): Variable {
  const [replicas, blocks, channels, height, width] = x.shape as [number, number, number, number, number];
  const larger = (pairs: Variable): Variable => {
    const [a, b] = [ops.sliceAxis(pairs, 2, 0, 1), ops.sliceAxis(pairs, 2, 1, 2)];
    return ops.select(ops.step(ops.sub(b, a)), b, a);
  };
  const outer = blocks * channels * (height / 2);
  const rows = larger(ops.reshape(x, [replicas, outer, 2, width]));
  const columns = larger(ops.reshape(rows, [replicas, outer * (width / interleave / 2), 2, interleave]));
  return ops.reshape(columns, [replicas, blocks, channels, height / 2, width / 2]);
}
