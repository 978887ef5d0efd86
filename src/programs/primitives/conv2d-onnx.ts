import type { OnnxBuilder, OnnxValue } from "../lowering.ts";
import type { Pair } from "../params.ts";
import type { Aval } from "../tensor.ts";
import type { Conv2dForm } from "./conv2d-form.ts";
import { apartForm, filtersApart, filtersTogether, imagesApart, imagesTogether } from "./conv2d-onnx-apart.ts";
import { convolveBlocked } from "./conv2d-onnx-blocked.ts";
import { type ConvEnding, type Convolution, padImages, regroup } from "./conv2d-onnx-layout.ts";
import { productOfPatches, productOfShifts, productWithPatches } from "./conv2d-onnx-products.ts";
import { reshapeTo } from "./matmul.ts";

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

function convolve(
  builder: OnnxBuilder,
  x: OnnxValue,
  w: OnnxValue,
  convolution: Convolution,
  ending: ConvEnding = {},
): OnnxValue {
  const blocked = convolveBlocked(builder, x, w, convolution, ending);
  if (blocked !== undefined) return blocked;
  const { pads, strides, dilation, shape } = convolution;
  const { bias, addend } = ending;
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
