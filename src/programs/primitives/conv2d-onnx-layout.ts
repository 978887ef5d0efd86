import type { OnnxBuilder, OnnxValue } from "../lowering.ts";
import type { PadParams, Pair } from "../params.ts";
import type { Shape } from "../tensor.ts";
import { reshapeTo } from "./matmul.ts";
import { lowerPad } from "./pieces.ts";

/** Pads rows and columns of images `[B, C, H, W·m]`; the numbers are for the axes `[B, C, H, W, m]`. */
export function padImages(builder: OnnxBuilder, x: OnnxValue, size: Pair, m: number, params: PadParams): OnnxValue {
  const [blocks, channels] = x.aval.shape;
  const padded = lowerPad(builder, reshapeTo(builder, x, [blocks!, channels!, ...size, m]), params);
  const { shape } = padded.aval;
  return reshapeTo(builder, padded, [shape[0]!, shape[1]!, shape[2]!, shape[3]! * m]);
}

/** Reshape to `shape`, permute, reshape to `result`. */
export function regroup(
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

/** One `Conv`, in elements of the blocked layout. */
export interface Convolution {
  /** Top, left, bottom, right. */
  readonly pads: readonly number[];
  readonly strides: Pair;
  /** Of columns. */
  readonly dilation: number;
  /** Of the result, `[B, O, H′, W′·m]`. */
  readonly shape: Shape;
}

/** What a convolution does besides, in the same pass. */
export interface ConvEnding {
  /** `[O]`, added to each channel. */
  readonly bias?: OnnxValue | undefined;
  /** Of the result's shape, added to it. */
  readonly addend?: OnnxValue | undefined;
}
