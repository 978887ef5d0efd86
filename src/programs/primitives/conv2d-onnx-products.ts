import type { OnnxBuilder, OnnxValue } from "../lowering.ts";
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

/**
 * The same product with copies made by `Gather`: one pass over whole rows and whole groups of m, on all threads, where Pad
 * takes one. What lies outside is a row of zeros that is appended.
 */
function productOfGathered(builder: OnnxBuilder, x: OnnxValue, g: OnnxValue, form: Conv2dForm): OnnxValue {
  const { blocks, channels, filters, size, kernel, outputSize, padding, interleave: m } = form;
  const [height, width] = size;
  const [rows, columns] = outputSize;
  const row = columns * m;
  const fromG = range(kernel[0]).flatMap((u) => range(height).map((h) => within(h - u + padding[0][0], rows) ?? rows));
  const left = gatherOrZero(builder, reshapeTo(builder, g, [blocks * filters, rows, row]), fromG);
  const fromX = range(kernel[1]).flatMap((v) =>
    range(height).flatMap((h) =>
      range(columns).map((j) => {
        const column = within(j + v - padding[1][0], width);
        return column === undefined ? height * width : h * width + column;
      }),
    ),
  );
  const right = gatherOrZero(builder, reshapeTo(builder, x, [blocks * channels, height * width, m]), fromX);
  const length = height * row;
  const products = lowerProduct(
    builder,
    reshapeTo(builder, left, [blocks, filters * kernel[0], length]),
    reshapeTo(builder, right, [blocks, channels * kernel[1], length]),
    { transposeA: false, transposeB: true },
    { dtype: "f32", shape: [blocks, filters * kernel[0], channels * kernel[1]] },
  );
  const shape = [filters, kernel[0], channels, kernel[1]];
  return regroup(builder, sumBlocks(builder, products), shape, [0, 2, 1, 3], [filters, channels, ...kernel]);
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const within = (index: number, extent: number): number | undefined =>
  index >= 0 && index < extent ? index : undefined;

/** Elements of axis 1 of a tensor of rank 3; the index behind the last one means zeros. */
function gatherOrZero(builder: OnnxBuilder, x: OnnxValue, indices: readonly number[]): OnnxValue {
  const { dtype, shape } = x.aval;
  const [outer, extent, inner] = shape as [number, number, number];
  if (indices.length === extent && indices.every((index, i) => index === i)) return x;
  let source = x;
  if (indices.includes(extent)) {
    const zeros = builder.constant({ dtype: "f32", shape: [1, 1, 1], data: Float32Array.of(0) });
    const line = builder.node("Expand", [zeros, builder.int64([outer, 1, inner])], { dtype, shape: [outer, 1, inner] });
    source = builder.node("Concat", [x, line], { dtype, shape: [outer, extent + 1, inner] }, { axis: 1 });
  }
  const result = { dtype, shape: [outer, indices.length, inner] };
  return builder.node("Gather", [source, builder.int64(indices)], result, { axis: 1 });
}

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
