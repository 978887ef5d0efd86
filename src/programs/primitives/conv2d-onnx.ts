import type { OnnxBuilder, OnnxValue } from "../lowering.ts";
import type { PadParams, Pair } from "../params.ts";
import type { Aval, Shape } from "../tensor.ts";
import type { Conv2dForm } from "./conv2d-form.ts";
import { lowerProduct, reshapeTo } from "./matmul.ts";
import { lowerPad } from "./pieces.ts";

/**
 * ONNX lowerings of the three convolutions. Everything is formulated in the blocked layout `[B, C, H, W·m]`: a column
 * neighbour is m elements away, so stride-1 convolutions are `Conv` with horizontal dilation m. Replicas are a loop over
 * single convolutions: each one's rounding is then its own, and R = 1 pays nothing.
 */

/** Calls `lower` on each replica's operands, without the replica axis, and joins the results. */
export function eachReplica(
  builder: OnnxBuilder,
  operands: readonly [OnnxValue, OnnxValue],
  output: Aval,
  lower: (a: OnnxValue, b: OnnxValue) => OnnxValue,
): OnnxValue {
  const replicas = output.shape[0]!;
  const results = Array.from({ length: replicas }, (_, r) => {
    const [a, b] = operands.map((operand) => replica(builder, operand, r)) as [OnnxValue, OnnxValue];
    return reshapeTo(builder, lower(a, b), [1, ...output.shape.slice(1)]);
  });
  return replicas === 1 ? results[0]! : builder.node("Concat", results, output, { axis: 0 });
}

function replica(builder: OnnxBuilder, value: OnnxValue, r: number): OnnxValue {
  const { dtype, shape } = value.aval;
  const own = shape.slice(1);
  if (shape[0] === 1) return reshapeTo(builder, value, own);
  const [start, limit, axis] = [builder.int64([r]), builder.int64([r + 1]), builder.int64([0])];
  return reshapeTo(builder, builder.node("Slice", [value, start, limit, axis], { dtype, shape: [1, ...own] }), own);
}

/** What a convolution does besides, in the same pass. Only where `takesEnding` says so. */
export interface ConvEnding {
  /** `[O]`, added to each channel. */
  readonly bias?: OnnxValue | undefined;
  /** Of the result's shape, added to it. */
  readonly addend?: OnnxValue | undefined;
}

/** Whether a convolution, or its input gradient, ends in an operator that can add: float32, and no regrouping of its result. */
export function takesEnding(view: "conv2d" | "conv2dInputGradient", dtype: string, form: Conv2dForm): boolean {
  if (dtype !== "f32") return false;
  const apart = apartForm(form) !== undefined;
  return view === "conv2d" ? form.strides[1] === 1 || form.interleave === 1 || apart : !apart;
}

/** x `[B, C, H, W·m]`, w `[O, C, kh, kw]` → `[B, O, H′, W′·m]`. */
export function lowerConv2d(
  builder: OnnxBuilder,
  x: OnnxValue,
  w: OnnxValue,
  form: Conv2dForm,
  ending: ConvEnding = {},
): OnnxValue {
  const { blocks, channels, filters, size, outputSize, strides, padding, interleave: m } = form;
  const { dtype } = x.aval;
  // Conv has no float64 kernel.
  if (dtype === "f64") return productOfPatches(builder, x, w, form);
  const [[top, bottom], [left, right]] = padding;
  if (strides[1] === 1 || m === 1)
    return convolve(
      builder,
      x,
      w,
      {
        pads: [top, left * m, bottom, right * m],
        strides,
        dilation: m,
        shape: [blocks, filters, outputSize[0], outputSize[1] * m],
      },
      ending,
    );
  const apartTo = apartForm(form);
  if (apartTo !== undefined) {
    const [images, kernels] = [imagesApart(builder, x, form), filtersApart(builder, w, form, apartTo)];
    return lowerConv2d(builder, images, kernels, apartTo, ending);
  }
  // A horizontal stride would have to skip within groups of m: one image a block instead.
  const apart = regroup(builder, x, [blocks, channels, ...size, m], [0, 4, 1, 2, 3], [blocks * m, channels, ...size]);
  const y = convolve(builder, apart, w, {
    pads: [top, left, bottom, right],
    strides,
    dilation: 1,
    shape: [blocks * m, filters, ...outputSize],
  });
  const together = [blocks, filters, outputSize[0], outputSize[1] * m];
  return regroup(builder, y, [blocks, m, filters, ...outputSize], [0, 2, 3, 4, 1], together);
}

/** g `[B, O, H′, W′·m]`, w `[O, C, kh, kw]` → `[B, C, H, W·m]`: a stride-1 convolution of the spread g with turned w. */
export function lowerConv2dInputGradient(
  builder: OnnxBuilder,
  g: OnnxValue,
  w: OnnxValue,
  form: Conv2dForm,
  ending: ConvEnding = {},
): OnnxValue {
  const { blocks, channels, filters, size, kernel, outputSize, strides, padding, interleave: m } = form;
  const { dtype } = g.aval;
  const apartTo = dtype === "f32" ? apartForm(form) : undefined;
  if (apartTo !== undefined) {
    const kernels = filtersApart(builder, w, form, apartTo);
    return imagesTogether(builder, lowerConv2dInputGradient(builder, g, kernels, apartTo), form);
  }
  const turned = turnFilters(builder, w, form);
  const spread: Pair = [(outputSize[0] - 1) * strides[0] + 1, (outputSize[1] - 1) * strides[1] + 1];
  const low: Pair = [kernel[0] - 1 - padding[0][0], kernel[1] - 1 - padding[1][0]];
  const high: Pair = [size[0] - spread[0] - low[0] + kernel[0] - 1, size[1] - spread[1] - low[1] + kernel[1] - 1];
  const shape = [blocks, channels, size[0], size[1] * m];
  const padsItself = strides.every((stride) => stride === 1) && [...low, ...high].every((count) => count >= 0);
  if (padsItself && dtype === "f32")
    return convolve(
      builder,
      g,
      turned,
      { pads: [low[0], low[1] * m, high[0], high[1] * m], strides: [1, 1], dilation: m, shape },
      ending,
    );
  const padded = padImages(builder, g, outputSize, m, {
    low: [0, 0, ...low, 0],
    high: [0, 0, ...high, 0],
    interior: [0, 0, strides[0] - 1, strides[1] - 1, 0],
  });
  if (dtype === "f32")
    return convolve(builder, padded, turned, { pads: [0, 0, 0, 0], strides: [1, 1], dilation: m, shape }, ending);
  return productOfPatches(builder, padded, turned, {
    ...form,
    channels: filters,
    filters: channels,
    size: [spread[0] + low[0] + high[0], spread[1] + low[1] + high[1]],
    outputSize: size,
    strides: [1, 1],
    padding: [
      [0, 0],
      [0, 0],
    ],
  });
}

/** x `[B, C, H, W·m]`, g `[B, O, H′, W′·m]` → `[O, C, kh, kw]`. */
export function lowerConv2dFilterGradient(
  builder: OnnxBuilder,
  x: OnnxValue,
  g: OnnxValue,
  form: Conv2dForm,
): OnnxValue {
  if (form.strides.every((stride) => stride === 1)) return productOfShifts(builder, x, g, form);
  const apartTo = x.aval.dtype === "f32" ? apartForm(form) : undefined;
  if (apartTo === undefined) return productWithPatches(builder, x, g, form);
  const kernels = productOfShifts(builder, imagesApart(builder, x, form), g, apartTo);
  return filtersTogether(builder, kernels, form, apartTo);
}

/**
 * A convolution with strides s as one without: the s₀·s₁ images of every s-th pixel become channels, and a filter's weights
 * are dealt to them (zeros where there are none), so that ⌈(k + …)/s⌉ positions are left of k. A 3×3 filter of stride 2
 * becomes 2×2 on four times the channels; runs of m numbers move at once. `undefined` where the images do not divide.
 */
function apartForm(form: Conv2dForm): Conv2dForm | undefined {
  const { size, kernel, outputSize, strides, padding, channels } = form;
  if (strides.every((stride) => stride === 1)) return undefined;
  const along = (axis: 0 | 1) => {
    const [stride, before] = [strides[axis], padding[axis][0]];
    const first = Math.floor(-before / stride);
    const extent = Math.floor((kernel[axis] - 1 - before) / stride) - first + 1;
    const whole = size[axis] / stride;
    return { whole, extent, low: 0 - first, high: outputSize[axis] - whole + first + extent - 1 };
  };
  const [rows, columns] = [along(0), along(1)];
  if ([rows, columns].some(({ whole, low, high }) => !Number.isInteger(whole) || low < 0 || high < 0)) return undefined;
  return {
    ...form,
    channels: channels * strides[0] * strides[1],
    size: [rows.whole, columns.whole],
    kernel: [rows.extent, columns.extent],
    strides: [1, 1],
    padding: [
      [rows.low, rows.high],
      [columns.low, columns.high],
    ],
  };
}

/** x `[B, C, H, W·m]` → `[B, s₀·s₁·C, H/s₀, W/s₁·m]`. */
function imagesApart(builder: OnnxBuilder, x: OnnxValue, form: Conv2dForm): OnnxValue {
  const { blocks, channels, size, strides, interleave: m } = form;
  const [rows, columns] = [size[0] / strides[0], size[1] / strides[1]];
  const shape = [blocks, channels, rows, strides[0], columns, strides[1], m];
  const result = [blocks, strides[0] * strides[1] * channels, rows, columns * m];
  return regroup(builder, x, shape, [0, 3, 5, 1, 2, 4, 6], result);
}

/** The way back. */
function imagesTogether(builder: OnnxBuilder, x: OnnxValue, form: Conv2dForm): OnnxValue {
  const { blocks, channels, size, strides, interleave: m } = form;
  const shape = [blocks, strides[0], strides[1], channels, size[0] / strides[0], size[1] / strides[1], m];
  return regroup(builder, x, shape, [0, 3, 4, 1, 5, 2, 6], [blocks, channels, size[0], size[1] * m]);
}

/** Zeros before and behind the rows and columns of a filter, so that it starts at a multiple of the strides. */
function filterMargins({ kernel, strides, padding }: Conv2dForm, apart: Conv2dForm): readonly [Pair, Pair] {
  const low: Pair = [
    apart.padding[0][0] * strides[0] - padding[0][0],
    apart.padding[1][0] * strides[1] - padding[1][0],
  ];
  return [low, [apart.kernel[0] * strides[0] - kernel[0] - low[0], apart.kernel[1] * strides[1] - kernel[1] - low[1]]];
}

/** w `[O, C, kh, kw]` → `[O, s₀·s₁·C, kh′, kw′]`. */
function filtersApart(builder: OnnxBuilder, w: OnnxValue, form: Conv2dForm, apart: Conv2dForm): OnnxValue {
  const { filters, channels, strides } = form;
  const [low, high] = filterMargins(form, apart);
  const padded = lowerPad(builder, w, { low: [0, 0, ...low], high: [0, 0, ...high], interior: [0, 0, 0, 0] });
  const shape = [filters, channels, apart.kernel[0], strides[0], apart.kernel[1], strides[1]];
  return regroup(builder, padded, shape, [0, 3, 5, 1, 2, 4], [filters, apart.channels, ...apart.kernel]);
}

/** The way back. */
function filtersTogether(builder: OnnxBuilder, w: OnnxValue, form: Conv2dForm, apart: Conv2dForm): OnnxValue {
  const { filters, channels, strides } = form;
  const [low, high] = filterMargins(form, apart);
  const shape = [filters, strides[0], strides[1], channels, ...apart.kernel];
  const whole = [filters, channels, apart.kernel[0] * strides[0], apart.kernel[1] * strides[1]];
  const joined = regroup(builder, w, shape, [0, 3, 4, 1, 5, 2], whole);
  const crop = (counts: Pair): number[] => [0, 0, ...counts.map((count) => 0 - count)];
  return lowerPad(builder, joined, { low: crop(low), high: crop(high), interior: [0, 0, 0, 0] });
}

/**
 * dW[o,c,u,v] = Σ g[o, h−u+top, w]·x[c, h, w+v−left]: kh row-shifted copies of g against kw column-shifted copies of x, in
 * one product. kh + kw copies where patches need kh·kw: it took a VGG10 step from 180 to 119 ms.
 */
function productOfShifts(builder: OnnxBuilder, x: OnnxValue, g: OnnxValue, form: Conv2dForm): OnnxValue {
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
function productWithPatches(builder: OnnxBuilder, x: OnnxValue, g: OnnxValue, form: Conv2dForm): OnnxValue {
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
function productOfPatches(builder: OnnxBuilder, x: OnnxValue, w: OnnxValue, form: Conv2dForm): OnnxValue {
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

interface Convolution {
  /** Top, left, bottom, right, in elements. */
  readonly pads: readonly number[];
  readonly strides: Pair;
  readonly dilation: number;
  readonly shape: Shape;
}

function convolve(
  builder: OnnxBuilder,
  x: OnnxValue,
  w: OnnxValue,
  { pads, strides, dilation, shape }: Convolution,
  { bias, addend }: ConvEnding = {},
): OnnxValue {
  const kernel = w.aval.shape.slice(2);
  const attributes = { kernel_shape: kernel, pads, strides, dilations: [1, dilation] };
  const output = { dtype: x.aval.dtype, shape };
  if (addend !== undefined) return builder.node("FusedConv", [x, w, bias, addend], output, attributes, "com.microsoft");
  return builder.node("Conv", bias === undefined ? [x, w] : [x, w, bias], output, attributes);
}

/** w `[O, C, kh, kw]` → `[C, O, kh, kw]` with rows and columns reversed. */
function turnFilters(builder: OnnxBuilder, w: OnnxValue, { filters, channels, kernel }: Conv2dForm): OnnxValue {
  const { dtype } = w.aval;
  const swapped = builder.node(
    "Transpose",
    [w],
    { dtype, shape: [channels, filters, ...kernel] },
    { perm: [1, 0, 2, 3] },
  );
  if (kernel[0] === 1 && kernel[1] === 1) return swapped;
  const [starts, ends] = [builder.int64([-1, -1]), builder.int64([-1 - kernel[0], -1 - kernel[1]])];
  const [axes, steps] = [builder.int64([2, 3]), builder.int64([-1, -1])];
  return builder.node("Slice", [swapped, starts, ends, axes, steps], swapped.aval);
}

/** Pads rows and columns of images `[B, C, H, W·m]`; the numbers are for the axes `[B, C, H, W, m]`. */
function padImages(builder: OnnxBuilder, x: OnnxValue, size: Pair, m: number, params: PadParams): OnnxValue {
  const [blocks, channels] = x.aval.shape;
  const padded = lowerPad(builder, reshapeTo(builder, x, [blocks!, channels!, ...size, m]), params);
  const { shape } = padded.aval;
  return reshapeTo(builder, padded, [shape[0]!, shape[1]!, shape[2]!, shape[3]! * m]);
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

/** Reshape to `shape`, permute, reshape to `result`. */
function regroup(
  builder: OnnxBuilder,
  value: OnnxValue,
  shape: Shape,
  permutation: readonly number[],
  result: Shape,
): OnnxValue {
  const { dtype } = value.aval;
  const turned = { dtype, shape: permutation.map((axis) => shape[axis]!) };
  const grouped = reshapeTo(builder, value, shape);
  return reshapeTo(builder, builder.node("Transpose", [grouped], turned, { perm: permutation }), result);
}
