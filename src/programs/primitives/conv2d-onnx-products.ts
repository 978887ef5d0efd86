import type { OnnxBuilder, OnnxValue } from "../lowering.ts";
import type { Pair } from "../params.ts";
import type { Shape } from "../tensor.ts";
import type { Conv2dForm } from "./conv2d-form.ts";
import { padImages, regroup } from "./conv2d-onnx-layout.ts";
import { lowerProduct, reshapeTo } from "./matmul.ts";
import { lowerPad } from "./pieces.ts";

/** Convolutions as matrix products: filter gradients, and what Conv has no kernel for. */

/**
 * dW[o,c,u,v] = Σ g[o, h−u+top, w]·x[c, h, w+v−left]: kh row-shifted copies of g against kw column-shifted copies of x, in
 * one product. kh + kw copies where patches need kh·kw: it took a VGG10 step from 180 to 119 ms.
 */
export function productOfShifts(builder: OnnxBuilder, x: OnnxValue, g: OnnxValue, form: Conv2dForm): OnnxValue {
  const { blocks, channels, filters, size, kernel, outputSize, padding, interleave: m } = form;
  const { dtype } = x.aval;
  const length = size[0] * outputSize[1] * m;
  const none = [0, 0, 0, 0];
  if (builder.device === "cpu" && dtype === "f32") return productOfGathered(builder, x, g, form);
  const rows = Array.from({ length: kernel[0] }, (_, u) => {
    const low = u - padding[0][0];
    return lowerPad(builder, g, {
      low: [0, 0, low, 0],
      high: [0, 0, size[0] - outputSize[0] - low, 0],
      interior: none,
    });
  });
  const columns = Array.from({ length: kernel[1] }, (_, v) => {
    const low = padding[1][0] - v;
    return lowerPad(builder, x, {
      low: [0, 0, 0, low * m],
      high: [0, 0, 0, (outputSize[1] - size[1] - low) * m],
      interior: none,
    });
  });
  const left = joinChannels(builder, rows, [blocks, kernel[0] * filters, length]);
  const right = joinChannels(builder, columns, [blocks, kernel[1] * channels, length]);
  const products = lowerProduct(
    builder,
    left,
    right,
    { transposeA: false, transposeB: true },
    { dtype, shape: [blocks, kernel[0] * filters, kernel[1] * channels] },
  );
  const total = sumBlocks(builder, products);
  const shape = [kernel[0], filters, kernel[1], channels];
  return regroup(builder, total, shape, [1, 3, 0, 2], [filters, channels, ...kernel]);
}

/** Bytes of a chunk of blocks whose copies are made and multiplied at once. */
const CHUNK = 2 ** 20;

/**
 * The same product with copies made by `Gather`, on all threads where Pad takes one, in groups of m numbers. What lies outside
 * is a group of zeros that is appended. So is one to each row of the product: rows that are a power of two apart meet in one
 * set of the cache. A few blocks at a time: their copies stay in the cache, and are as large as a chunk's six times, not
 * as the images' (decision 009).
 */
function productOfGathered(builder: OnnxBuilder, x: OnnxValue, g: OnnxValue, form: Conv2dForm): OnnxValue {
  const { blocks, channels, filters, size, kernel, outputSize, padding, interleave: m } = form;
  const [height, width] = size;
  const [rows, columns] = outputSize;
  const shifted = (count: number, extents: Pair, at: (k: number, h: number, j: number) => Pair): number[] =>
    range(count).flatMap((k) => [
      ...range(height).flatMap((h) => range(columns).map((j) => groupAt(at(k, h, j), extents))),
      extents[0] * extents[1],
    ]);
  const left = {
    value: g,
    channels: filters,
    groups: rows * columns,
    indices: shifted(kernel[0], outputSize, (u, h, j) => [h - u + padding[0][0], j]),
  };
  const right = {
    value: x,
    channels,
    groups: height * width,
    indices: shifted(kernel[1], size, (v, h, j) => [h, j + v - padding[1][0]]),
  };
  // A product that is not wider than high has the same bits on any number of threads (gemm-threads.ts).
  const isWide = channels * kernel[1] > filters * kernel[0];
  const operands = isWide ? [right, left] : [left, right];
  const heights = [filters * kernel[0], channels * kernel[1]];
  const shape = isWide ? heights.reverse() : heights;
  const length = (height * columns + 1) * m;
  const blockBytes = 4 * m * Math.max(filters * rows * columns, channels * height * width);
  // At least two: each thread then has a product of its own, where both would pack the columns of one.
  const step = Math.max(2, Math.floor(CHUNK / blockBytes));
  const products = range(Math.ceil(blocks / step)).map((i) => {
    const [start, end] = [i * step, Math.min((i + 1) * step, blocks)];
    const count = end - start;
    const [a, b] = operands.map(({ value, channels: own, groups, indices }, k) => {
      const images = reshapeTo(builder, value, [blocks, own, groups, m]);
      const chunk = lowerPad(builder, images, {
        low: [0 - start, 0, 0, 0],
        high: [end - blocks, 0, 1, 0],
        interior: [0, 0, 0, 0],
      });
      const rows = reshapeTo(builder, chunk, [count * own, groups + 1, m]);
      const shifted = { dtype: "f32", shape: [count * own, indices.length, m] } as const;
      return reshapeTo(builder, builder.node("Gather", [rows, builder.int64(indices)], shifted, { axis: 1 }), [
        count,
        shape[k]!,
        length,
      ]);
    }) as [OnnxValue, OnnxValue];
    const flags = { transposeA: false, transposeB: true };
    return lowerProduct(builder, a, b, flags, { dtype: "f32", shape: [count, ...shape] });
  });
  const all = { dtype: "f32", shape: [blocks, ...shape] } as const;
  const joined = products.length === 1 ? products[0]! : builder.node("Concat", products, all, { axis: 0 });
  const apart = [filters, kernel[0], channels, kernel[1]];
  const weights = [filters, channels, ...kernel];
  const total = sumBlocks(builder, joined);
  return isWide
    ? regroup(builder, total, [...apart.slice(2), ...apart.slice(0, 2)], [2, 0, 3, 1], weights)
    : regroup(builder, total, apart, [0, 2, 1, 3], weights);
}

/** Where a pixel is among the groups of an image, or behind the last where it lies outside. */
function groupAt([h, j]: Pair, [height, width]: Pair): number {
  return h >= 0 && h < height && j >= 0 && j < width ? h * width + j : height * width;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** dW as one product of g with the patches of x: any stride. */
export function productWithPatches(builder: OnnxBuilder, x: OnnxValue, g: OnnxValue, form: Conv2dForm): OnnxValue {
  const { blocks, channels, filters, kernel, outputSize, interleave: m } = form;
  const { dtype } = x.aval;
  const patches = patchesOf(builder, x, form);
  const numWeights = kernel[0] * kernel[1] * channels;
  const products = lowerProduct(
    builder,
    reshapeTo(builder, g, [blocks, filters, outputSize[0] * outputSize[1] * m]),
    patches,
    { transposeA: false, transposeB: true },
    { dtype, shape: [blocks, filters, numWeights] },
  );
  const total = sumBlocks(builder, products);
  return regroup(builder, total, [filters, ...kernel, channels], [0, 3, 1, 2], [filters, channels, ...kernel]);
}

/** The convolution as one product with patches: where Conv has no kernel. */
export function productOfPatches(builder: OnnxBuilder, x: OnnxValue, w: OnnxValue, form: Conv2dForm): OnnxValue {
  const { blocks, channels, filters, kernel, outputSize, interleave: m } = form;
  const { dtype } = x.aval;
  const patches = patchesOf(builder, x, form);
  const numWeights = kernel[0] * kernel[1] * channels;
  const rows = regroup(builder, w, [filters, channels, ...kernel], [0, 2, 3, 1], [1, filters, numWeights]);
  const length = outputSize[0] * outputSize[1] * m;
  const flags = { transposeA: false, transposeB: false };
  const y = lowerProduct(builder, rows, patches, flags, { dtype, shape: [blocks, filters, length] });
  return reshapeTo(builder, y, [blocks, filters, outputSize[0], outputSize[1] * m]);
}

/** What each filter position sees: `[B, kh·kw·C, H′·W′·m]`. */
function patchesOf(builder: OnnxBuilder, x: OnnxValue, form: Conv2dForm): OnnxValue {
  const { blocks, channels, size, kernel, outputSize, strides, padding, interleave: m } = form;
  const { dtype } = x.aval;
  const [[top, bottom], [left, right]] = padding;
  const flat = padImages(builder, x, size, m, {
    low: [0, 0, top, left, 0],
    high: [0, 0, bottom, right, 0],
    interior: [0, 0, 0, 0, 0],
  });
  const [height, width] = [size[0] + top + bottom, size[1] + left + right];
  const images = reshapeTo(builder, flat, [blocks, channels, height, width, m]);
  const [axes, steps] = [builder.int64([2, 3]), builder.int64(strides)];
  const patches = Array.from({ length: kernel[0] * kernel[1] }, (_, k) => {
    const corner = [Math.floor(k / kernel[1]), k % kernel[1]] as const;
    const end = corner.map((start, axis) => start + (outputSize[axis]! - 1) * strides[axis]! + 1);
    return builder.node("Slice", [images, builder.int64(corner), builder.int64(end), axes, steps], {
      dtype,
      shape: [blocks, channels, ...outputSize, m],
    });
  });
  return joinChannels(builder, patches, [blocks, kernel[0] * kernel[1] * channels, outputSize[0] * outputSize[1] * m]);
}

function joinChannels(builder: OnnxBuilder, parts: readonly OnnxValue[], shape: Shape): OnnxValue {
  const { dtype, shape: part } = parts[0]!.aval;
  if (parts.length === 1) return reshapeTo(builder, parts[0]!, shape);
  const joined = { dtype, shape: part.map((extent, axis) => (axis === 1 ? extent * parts.length : extent)) };
  return reshapeTo(builder, builder.node("Concat", parts, joined, { axis: 1 }), shape);
}

function sumBlocks(builder: OnnxBuilder, products: OnnxValue): OnnxValue {
  const { dtype, shape } = products.aval;
  if (shape[0] === 1) return products;
  const total = { dtype, shape: [1, ...shape.slice(1)] };
  return builder.node("ReduceSum", [products, builder.int64([0])], total, { keepdims: 1 });
}
