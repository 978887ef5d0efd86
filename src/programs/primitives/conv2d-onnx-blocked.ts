import type { OnnxBuilder, OnnxValue } from "../lowering.ts";
import type { ConvEnding, Convolution } from "./conv2d-onnx-layout.ts";
import { regroup } from "./conv2d-onnx-layout.ts";
import { lowerPad } from "./pieces.ts";

/** What a value was before it was reordered. */
const blockedOf = new WeakMap<OnnxValue, OnnxValue>();

/**
 * A convolution by MLAS's kernels for blocks of channels (as many as a vector register holds), which read the images where they
 * are; `Conv` copies a patch for each pixel, and with few filters that copying is most of its time: with both reorderings 16
 * channels take 0.73 of it, 32 channels 0.78, 64 channels 0.87, 8 channels (half of each block then zeros) 0.9. ONNX Runtime
 * puts these operators in itself, at its highest level of optimisation and for constant filters alone.
 *
 * `undefined` where there are no such kernels, or the channels leave more than half of a block empty.
 */
export function convolveBlocked(
  builder: OnnxBuilder,
  x: OnnxValue,
  w: OnnxValue,
  { pads, strides, dilation, shape }: Convolution,
  { bias, addend }: ConvEnding,
): OnnxValue | undefined {
  const block = builder.channelBlock;
  const [filters, channels, ...kernel] = w.aval.shape as [number, number, number, number];
  const padded = Math.ceil(filters / block) * block;
  if (block === 1 || padded > 2 * filters || (channels >= block && channels % block !== 0)) return undefined;
  // Of several replicas an addend is a slice, with no empty channels to its last block: one replica takes the same way.
  if (addend !== undefined && padded !== filters) return undefined;
  const sum = addend && toBlocks(builder, addend);
  // Fewer channels than a block are read as they are.
  const images = channels < block ? x : toBlocks(builder, x);
  const more = padded - filters;
  const offset = bias && lowerPad(builder, bias, { low: [0], high: [more], interior: [0] });
  const kernels = lowerPad(builder, w, { low: [0, 0, 0, 0], high: [more, 0, 0, 0], interior: [0, 0, 0, 0] });
  const [outer, inner] = channels < block ? [channels, 1] : [channels / block, block];
  const result = builder.node(
    "Conv",
    [
      images,
      regroup(
        builder,
        kernels,
        [padded / block, block, outer, inner, ...kernel],
        [0, 2, 4, 5, 3, 1],
        [padded, channels, ...kernel],
      ),
      offset,
      sum,
    ].slice(0, sum === undefined ? (offset === undefined ? 2 : 3) : 4),
    { dtype: "f32", shape: [shape[0]!, padded, shape[2]!, shape[3]!] },
    { kernel_shape: kernel, pads, strides, dilations: [1, dilation] },
    "com.microsoft.nchwc",
  );
  const y = builder.node(
    "ReorderOutput",
    [result],
    { dtype: "f32", shape },
    { channels: filters },
    "com.microsoft.nchwc",
  );
  blockedOf.set(y, result);
  return y;
}

/** `[B, C, H, W·m]` with blocks of channels innermost, of which C is a multiple. */
function toBlocks(builder: OnnxBuilder, x: OnnxValue): OnnxValue {
  const before = blockedOf.get(x);
  // What was reordered with empty channels has more than x.
  if (before?.aval.shape[1] === x.aval.shape[1]) return before!;
  return builder.node("ReorderInput", [x], x.aval, {}, "com.microsoft.nchwc");
}
