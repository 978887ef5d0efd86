import type { OnnxBuilder, OnnxValue } from "../lowering.ts";
import type { Pair } from "../params.ts";
import type { Conv2dForm } from "./conv2d-form.ts";
import { regroup } from "./conv2d-onnx-layout.ts";
import { lowerPad } from "./pieces.ts";

/**
 * A convolution with strides s as one without: the s₀·s₁ images of every s-th pixel become channels, and a filter's weights
 * are dealt to them (zeros where there are none), so that ⌈(k + …)/s⌉ positions are left of k. A 3×3 filter of stride 2
 * becomes 2×2 on four times the channels; runs of m numbers move at once. `undefined` where the images do not divide.
 */
export function apartForm(form: Conv2dForm): Conv2dForm | undefined {
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
export function imagesApart(builder: OnnxBuilder, x: OnnxValue, form: Conv2dForm): OnnxValue {
  const { blocks, channels, size, strides, interleave: m } = form;
  const [rows, columns] = [size[0] / strides[0], size[1] / strides[1]];
  const shape = [blocks, channels, rows, strides[0], columns, strides[1], m];
  const result = [blocks, strides[0] * strides[1] * channels, rows, columns * m];
  return regroup(builder, x, shape, [0, 3, 5, 1, 2, 4, 6], result);
}

/** The way back. */
export function imagesTogether(builder: OnnxBuilder, x: OnnxValue, form: Conv2dForm): OnnxValue {
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
export function filtersApart(builder: OnnxBuilder, w: OnnxValue, form: Conv2dForm, apart: Conv2dForm): OnnxValue {
  const { filters, channels, strides } = form;
  const [low, high] = filterMargins(form, apart);
  const padded = lowerPad(builder, w, { low: [0, 0, ...low], high: [0, 0, ...high], interior: [0, 0, 0, 0] });
  const shape = [filters, channels, apart.kernel[0], strides[0], apart.kernel[1], strides[1]];
  return regroup(builder, padded, shape, [0, 3, 5, 1, 2, 4], [filters, apart.channels, ...apart.kernel]);
}

/** The way back. */
export function filtersTogether(builder: OnnxBuilder, w: OnnxValue, form: Conv2dForm, apart: Conv2dForm): OnnxValue {
  const { filters, channels, strides } = form;
  const [low, high] = filterMargins(form, apart);
  const shape = [filters, strides[0], strides[1], channels, ...apart.kernel];
  const whole = [filters, channels, apart.kernel[0] * strides[0], apart.kernel[1] * strides[1]];
  const joined = regroup(builder, w, shape, [0, 3, 4, 1, 5, 2], whole);
  const crop = (counts: Pair): number[] => [0, 0, ...counts.map((count) => 0 - count)];
  return lowerPad(builder, joined, { low: crop(low), high: crop(high), interior: [0, 0, 0, 0] });
}
