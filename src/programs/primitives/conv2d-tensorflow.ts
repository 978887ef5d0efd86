import type * as tfjs from "@tensorflow/tfjs-core";
import type { TensorflowOps, TensorflowValue } from "../lowering.ts";
import type { Pair } from "../params.ts";
import type { Shape } from "../tensor.ts";
import type { Conv2dForm } from "./conv2d-form.ts";

/**
 * tfjs lowerings of the three convolutions: one NHWC convolution a replica. Padding is done by hand, since tfjs rejects
 * numbers there and its gradient kernels know 'valid' and 'same' only.
 */

/** Calls `lower` on each replica's operands, without the replica axis, and joins the results. */
export function eachReplica(
  tf: TensorflowOps,
  operands: readonly [TensorflowValue, TensorflowValue],
  shape: Shape,
  lower: (a: TensorflowValue, b: TensorflowValue) => TensorflowValue,
): TensorflowValue {
  const results = Array.from({ length: shape[0]! }, (_, r) => {
    const [a, b] = operands.map((operand) => replica(tf, operand, r)) as [TensorflowValue, TensorflowValue];
    return tf.reshape(lower(a, b), [1, ...shape.slice(1)]);
  });
  return results.length === 1 ? results[0]! : tf.concat(results, 0);
}

function replica(tf: TensorflowOps, value: TensorflowValue, r: number): TensorflowValue {
  const own = value.shape.slice(1);
  const rest = own.map(() => 0);
  return tf.reshape(value.shape[0] === 1 ? value : tf.slice(value, [r, ...rest], [1, ...own]), own);
}

export function convolve(tf: TensorflowOps, x: TensorflowValue, w: TensorflowValue, form: Conv2dForm): TensorflowValue {
  const y = tf.conv2d(padded(tf, toImages(tf, x, form.size, form), form), toFilters(tf, w), [...form.strides], "valid");
  return fromImages(tf, y, form);
}

export function inputGradient(
  tf: TensorflowOps,
  g: TensorflowValue,
  w: TensorflowValue,
  form: Conv2dForm,
): TensorflowValue {
  const { blocks, channels, size, interleave: m, padding, strides } = form;
  const [height, width] = paddedSize(form);
  const images = toImages(tf, g, form.outputSize, form);
  const whole = tf.conv2dTranspose(
    images,
    toFilters(tf, w),
    [blocks * m, height, width, channels],
    [...strides],
    "valid",
  );
  const inner = tf.slice(whole, [0, padding[0][0], padding[1][0], 0], [blocks * m, ...size, channels]);
  return fromImages(tf, inner, form);
}

export function filterGradient(
  tf: TensorflowOps,
  x: TensorflowValue,
  g: TensorflowValue,
  form: Conv2dForm,
): TensorflowValue {
  const { channels, filters, kernel, outputSize, size, strides } = form;
  // tfjs exports no function for it, but has the kernel that its own gradients use.
  const gradient = tf
    .engine()
    .runKernel(
      "Conv2DBackpropFilter",
      { x: padded(tf, toImages(tf, x, size, form), form), dy: toImages(tf, g, outputSize, form) },
      { strides: [...strides], pad: "valid", dataFormat: "NHWC", filterShape: [...kernel, channels, filters] },
    ) as TensorflowValue;
  return tf.transpose(gradient, [3, 2, 0, 1]);
}

/** `[B, C, H, W·m]` → `[B·m, H, W, C]`. */
function toImages(tf: TensorflowOps, x: TensorflowValue, size: Pair, { interleave: m }: Conv2dForm): tfjs.Tensor4D {
  const [blocks, channels] = x.shape as [number, number];
  const apart = tf.transpose(tf.reshape(x, [blocks, channels, ...size, m]), [0, 4, 2, 3, 1]);
  return tf.reshape(apart, [blocks * m, ...size, channels]);
}

/** `[B·m, H, W, C]` → `[B, C, H, W·m]`. */
function fromImages(tf: TensorflowOps, y: tfjs.Tensor4D, { blocks, interleave: m }: Conv2dForm): TensorflowValue {
  const [, height, width, channels] = y.shape;
  const together = tf.transpose(tf.reshape(y, [blocks, m, height, width, channels]), [0, 4, 2, 3, 1]);
  return tf.reshape(together, [blocks, channels, height, width * m]);
}

/** `[O, C, kh, kw]` → `[kh, kw, C, O]`. */
function toFilters(tf: TensorflowOps, w: TensorflowValue): tfjs.Tensor4D {
  return tf.transpose(w, [2, 3, 1, 0]) as tfjs.Tensor4D;
}

function padded(tf: TensorflowOps, images: tfjs.Tensor4D, { padding }: Conv2dForm): tfjs.Tensor4D {
  const [rows, columns] = padding;
  return padding.flat().every((count) => count === 0)
    ? images
    : tf.pad(images, [
        [0, 0],
        [rows[0], rows[1]],
        [columns[0], columns[1]],
        [0, 0],
      ]);
}

function paddedSize({ size, padding }: Conv2dForm): Pair {
  return [size[0] + padding[0][0] + padding[0][1], size[1] + padding[1][0] + padding[1][1]];
}
