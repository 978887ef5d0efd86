import { definedBy, fillValue } from "../emit.ts";
import { carriesSeveral, refuseLead } from "../lead.ts";
import type { OnnxBuilder, OnnxValue, TensorflowOps, TensorflowValue } from "../lowering.ts";
import { concat as concatOf, full, pad as padOf, sliceAxis, slice as sliceOf, zeros } from "../ops.ts";
import type { PadParams, PrimitiveParams, SliceParams } from "../params.ts";
import type { Primitive } from "../primitive.ts";
import { formatAval, formatShape, gatherOffsets, rowMajorStrides, sameShape } from "../shapes.ts";
import { type Shape, sizeOf } from "../tensor.ts";
import type { Variable } from "../variable.ts";
import { float64, gather } from "./kernels.ts";
import { reshapeTo } from "./matmul.ts";

const slicedExtent = ({ starts, limits, strides }: SliceParams, axis: number): number =>
  Math.ceil((limits[axis]! - starts[axis]!) / strides[axis]!);

export const slice: Primitive<SliceParams> = {
  name: "slice",
  cheap: true,
  aval: ([x], params) => {
    const { starts, limits, strides } = params;
    const fits =
      [starts, limits, strides].every((numbers) => numbers.length === x!.shape.length) &&
      x!.shape.every(
        (extent, axis) =>
          starts[axis]! >= 0 && starts[axis]! < limits[axis]! && limits[axis]! <= extent && strides[axis]! >= 1,
      );
    if (!fits)
      throw new Error(
        `slice: starts ${formatShape(starts)}, limits ${formatShape(limits)}, strides ${formatShape(strides)} do not fit ${formatShape(x!.shape)}`,
      );
    return { dtype: x!.dtype, shape: x!.shape.map((_, axis) => slicedExtent(params, axis)) };
  },
  jvp: ([t], [x], y, { starts, limits, strides }) => {
    if (!carriesSeveral(t!, x!)) return sliceOf(t!, { starts, limits, strides });
    if (y.shape[0] !== 1) refuseLead("slice", t!, y.shape);
    return sliceOf(t!, { starts, limits: [t!.shape[0]!, ...limits.slice(1)], strides: [1, ...strides.slice(1)] });
  },
  vjp: (g, [x], y, { starts, strides }) => [
    padOf(g, {
      low: starts,
      high: x!.shape.map((extent, axis) => extent - starts[axis]! - ((y.shape[axis]! - 1) * strides[axis]! + 1)),
      interior: strides.map((stride, axis) => (y.shape[axis] === 1 ? 0 : stride - 1)),
    }),
  ],
  evaluate: ([x], { starts, strides }, output) => {
    const own = rowMajorStrides(x!.shape);
    const start = starts.reduce((offset, index, axis) => offset + index * own[axis]!, 0);
    const steps = own.map((stride, axis) => stride * strides[axis]!);
    return float64(output.shape, gather(x!, output.shape, steps, start));
  },
  onnx: (builder, [x], { starts, limits, strides }, output) => {
    const { shape } = x!.aval;
    const axes = shape.flatMap((extent, axis) =>
      starts[axis] !== 0 || limits[axis] !== extent || strides[axis] !== 1 ? [axis] : [],
    );
    const at = (numbers: readonly number[]): OnnxValue => builder.int64(axes.map((axis) => numbers[axis]!));
    return builder.node("Slice", [x, at(starts), at(limits), builder.int64(axes), at(strides)], output);
  },
  tensorflow: (tf, [x], { starts, limits, strides }) =>
    strides.every((stride) => stride === 1)
      ? tf.slice(
          x!,
          [...starts],
          limits.map((limit, axis) => limit - starts[axis]!),
        )
      : tf.stridedSlice(x!, [...starts], [...limits], [...strides]),
  describe: ({ starts, limits, strides }) =>
    starts.map((start, axis) => `${start}:${limits[axis]}${strides[axis] === 1 ? "" : `:${strides[axis]}`}`).join(","),
  simplify: ([x], params) => simplifySlice(x!, params),
  samples: [
    {
      inputs: [{ dtype: "f32", shape: [2, 7, 3] }],
      params: { starts: [0, 2, 0], limits: [2, 5, 3], strides: [1, 1, 1] },
    },
    {
      inputs: [{ dtype: "f32", shape: [1, 7, 8] }],
      params: { starts: [0, 1, 0], limits: [1, 7, 8], strides: [1, 2, 3] },
    },
    { inputs: [{ dtype: "f32", shape: [3, 9] }], params: { starts: [0, 0], limits: [3, 8], strides: [1, 2] } },
    { inputs: [{ dtype: "f32", shape: [3, 9] }], params: { starts: [1, 3], limits: [2, 4], strides: [1, 4] } },
  ],
};

function simplifySlice(x: Variable, params: SliceParams): Variable | undefined {
  const { starts, limits, strides } = params;
  const shape = x.shape.map((_, axis) => slicedExtent(params, axis));
  const value = fillValue(x);
  if (value !== undefined) return full(shape, value, x.dtype);
  const inner = definedBy(x, "slice");
  if (inner !== undefined) {
    const first = starts.map((start, axis) => inner.params.starts[axis]! + start * inner.params.strides[axis]!);
    const both = strides.map((stride, axis) => stride * inner.params.strides[axis]!);
    const end = first.map((start, axis) => start + (shape[axis]! - 1) * both[axis]! + 1);
    return sliceOf(inner.inputs[0]!, { starts: first, limits: end, strides: both });
  }
  const joined = definedBy(x, "concat");
  if (joined !== undefined) {
    const { axis } = joined.params;
    let offset = 0;
    for (const part of joined.inputs) {
      const extent = part.shape[axis]!;
      if (starts[axis]! >= offset && limits[axis]! <= offset + extent) {
        const shift = (numbers: readonly number[]): number[] =>
          numbers.map((number, i) => (i === axis ? number - offset : number));
        return sliceOf(part, { starts: shift(starts), limits: shift(limits), strides });
      }
      offset += extent;
    }
    return undefined;
  }
  const padded = definedBy(x, "pad");
  if (padded === undefined) return undefined;
  return sliceOfPad(padded.inputs[0]!, padded.params, params, shape);
}

/** A slice that lies within what was padded, or within the padding of one axis. */
function sliceOfPad(source: Variable, padded: PadParams, params: SliceParams, shape: Shape): Variable | undefined {
  const { starts, limits, strides } = params;
  if (padded.interior.some((count) => count !== 0)) return undefined;
  const inside = source.shape.every(
    (extent, axis) => starts[axis]! >= padded.low[axis]! && limits[axis]! <= padded.low[axis]! + extent,
  );
  const shift = (numbers: readonly number[]): number[] => numbers.map((number, axis) => number - padded.low[axis]!);
  if (inside) return sliceOf(source, { starts: shift(starts), limits: shift(limits), strides });
  const outside = source.shape.some(
    (extent, axis) => limits[axis]! <= padded.low[axis]! || starts[axis]! >= padded.low[axis]! + extent,
  );
  return outside ? zeros(shape, source.dtype) : undefined;
}

export const concat: Primitive<PrimitiveParams["concat"]> = {
  name: "concat",
  cheap: true,
  aval: (inputs, { axis }) => {
    const first = inputs[0];
    if (first === undefined) throw new Error("concat: nothing to join");
    const fits = inputs.every(
      ({ dtype, shape }) =>
        dtype === first.dtype &&
        shape.length === first.shape.length &&
        shape.every((extent, i) => i === axis || extent === first.shape[i]),
    );
    if (!fits || axis < 0 || axis >= first.shape.length)
      throw new Error(`concat: ${inputs.map(formatAval).join(", ")} do not join along axis ${axis}`);
    const extent = inputs.reduce((total, { shape }) => total + shape[axis]!, 0);
    return { dtype: first.dtype, shape: first.shape.map((own, i) => (i === axis ? extent : own)) };
  },
  jvp: (tangents, inputs, y, { axis }) => {
    const some = tangents.findIndex((t, i) => t !== undefined && carriesSeveral(t, inputs[i]!));
    if (some >= 0 && axis === 0) refuseLead("concat", tangents[some]!, y.shape);
    const lead = some >= 0 ? tangents[some]!.shape[0]! : undefined;
    const parts = tangents.map((t, i) => {
      if (t !== undefined) return t;
      const { shape, dtype } = inputs[i]!;
      return zeros(lead === undefined ? shape : [lead, ...shape.slice(1)], dtype);
    });
    return concatOf(parts, axis);
  },
  vjp: (g, inputs, _, { axis }, wanted) => {
    let offset = 0;
    return inputs.map((input, i) => {
      const start = offset;
      offset += input.shape[axis]!;
      return wanted[i] ? sliceAxis(g, axis, start, offset) : undefined;
    });
  },
  evaluate: (inputs, { axis }, output) => {
    const result = new Float64Array(sizeOf(output.shape));
    const row = sizeOf(output.shape.slice(axis));
    let at = 0;
    for (const { shape, data } of inputs) {
      const block = sizeOf(shape.slice(axis));
      for (let k = 0; k * block < data.length; k++) result.set(data.subarray(k * block, (k + 1) * block), k * row + at);
      at += block;
    }
    return float64(output.shape, result);
  },
  onnx: (builder, inputs, { axis }, output) => builder.node("Concat", inputs, output, { axis }),
  tensorflow: (tf, inputs, { axis }) => tf.concat([...inputs], axis),
  describe: ({ axis }) => `axis=${axis}`,
  simplify: (inputs, { axis }) => simplifyConcat(inputs, axis),
  samples: [
    {
      inputs: [
        { dtype: "f32", shape: [2, 3] },
        { dtype: "f32", shape: [2, 1] },
        { dtype: "f32", shape: [2, 4] },
      ],
      params: { axis: 1 },
    },
    {
      inputs: [
        { dtype: "f32", shape: [1, 2, 3] },
        { dtype: "f32", shape: [2, 2, 3] },
      ],
      params: { axis: 0 },
    },
    {
      inputs: [
        { dtype: "f32", shape: [1, 2, 3] },
        { dtype: "f32", shape: [1, 4, 3] },
      ],
      params: { axis: 1 },
    },
  ],
};

function simplifyConcat(inputs: readonly Variable[], axis: number): Variable | undefined {
  const nested = inputs.flatMap((input) => {
    const inner = definedBy(input, "concat");
    return inner?.params.axis === axis ? inner.inputs : [input];
  });
  const parts: Variable[] = [];
  for (const part of nested) {
    const last = parts.at(-1);
    const merged = last === undefined ? undefined : mergeNeighbours(last, part, axis);
    if (merged === undefined) parts.push(part);
    else parts[parts.length - 1] = merged;
  }
  if (parts.length === inputs.length && parts.every((part, i) => part === inputs[i])) return undefined;
  return concatOf(parts, axis);
}

/** Uniform neighbours become one, and so do neighbouring slices of one value. */
function mergeNeighbours(a: Variable, b: Variable, axis: number): Variable | undefined {
  const value = fillValue(a);
  if (value !== undefined && value === fillValue(b))
    return full(
      a.shape.map((extent, i) => (i === axis ? extent + b.shape[i]! : extent)),
      value,
      a.dtype,
    );
  const [left, right] = [definedBy(a, "slice"), definedBy(b, "slice")];
  if (left === undefined || right === undefined || left.inputs[0] !== right.inputs[0]) return undefined;
  if (left.params.limits[axis] !== right.params.starts[axis]) return undefined;
  const aligned = left.params.starts.every(
    (start, i) =>
      left.params.strides[i] === 1 &&
      right.params.strides[i] === 1 &&
      (i === axis || (start === right.params.starts[i] && left.params.limits[i] === right.params.limits[i])),
  );
  if (!aligned) return undefined;
  return sliceOf(left.inputs[0]!, {
    starts: left.params.starts,
    limits: left.params.limits.map((limit, i) => (i === axis ? right.params.limits[i]! : limit)),
  });
}

export const pad: Primitive<PadParams> = {
  name: "pad",
  cheap: true,
  aval: ([x], { low, high, interior }) => {
    const shape = x!.shape.map((extent, axis) => extent + (extent - 1) * interior[axis]! + low[axis]! + high[axis]!);
    const fits =
      [low, high, interior].every((numbers) => numbers.length === x!.shape.length) &&
      interior.every((count) => count >= 0) &&
      shape.every((extent) => extent >= 1);
    if (!fits)
      throw new Error(
        `pad: low ${formatShape(low)}, high ${formatShape(high)}, interior ${formatShape(interior)} do not fit ${formatShape(x!.shape)}`,
      );
    return { dtype: x!.dtype, shape };
  },
  jvp: ([t], [x], y, { low, high, interior }) => {
    if (carriesSeveral(t!, x!) && y.shape[0] !== 1) refuseLead("pad", t!, y.shape);
    return padOf(t!, { low, high, interior: carriesSeveral(t!, x!) ? [0, ...interior.slice(1)] : interior });
  },
  vjp: (g, [x], _, { low, high, interior }) => {
    // What was cropped has no cotangent: put zeros there, then take the elements from between the padding.
    const cropped = padOf(g, {
      low: low.map((count) => Math.max(0, -count)),
      high: high.map((count) => Math.max(0, -count)),
    });
    const starts = low.map((count) => Math.max(0, count));
    const strides = interior.map((count) => count + 1);
    const limits = x!.shape.map((extent, axis) => starts[axis]! + (extent - 1) * strides[axis]! + 1);
    return [sliceOf(cropped, { starts, limits, strides })];
  },
  evaluate: ([x], { low, interior }, output) => {
    const own = rowMajorStrides(output.shape);
    const result = new Float64Array(sizeOf(output.shape));
    const steps = own.map((stride, axis) => stride * (interior[axis]! + 1));
    const start = low.reduce((offset, count, axis) => offset + count * own[axis]!, 0);
    const targets = gatherOffsets(x!.shape, steps, start);
    const inside = insideMask(x!.shape, output.shape, { low, interior });
    for (let i = 0; i < targets.length; i++) if (inside(i)) result[targets[i]!] = x!.data[i]!;
    return float64(output.shape, result);
  },
  onnx: (builder, [x], params) => lowerPad(builder, x!, params),
  tensorflow: (tf, [x], params, output) => padWithTensorflow(tf, x!, params, output.shape),
  describe: ({ low, high, interior }) =>
    low.map((count, axis) => `${count}:${high[axis]}${interior[axis] === 0 ? "" : `:${interior[axis]}`}`).join(","),
  simplify: ([x], { low, high, interior }) => {
    if (fillValue(x!) === 0) return zeros(pad.aval([x!], { low, high, interior }).shape, x!.dtype);
    const inner = definedBy(x!, "pad");
    if (inner === undefined || interior.some((count) => count !== 0)) return undefined;
    const add = (a: readonly number[], b: readonly number[]): number[] => a.map((count, axis) => count + b[axis]!);
    // Cropping, then padding again is not padding by the sum.
    const crops = [low, high, inner.params.low, inner.params.high].some((counts) => counts.some((count) => count < 0));
    if (crops) return undefined;
    return padOf(inner.inputs[0]!, {
      low: add(inner.params.low, low),
      high: add(inner.params.high, high),
      interior: inner.params.interior,
    });
  },
  samples: [
    { inputs: [{ dtype: "f32", shape: [2, 3] }], params: { low: [0, 2], high: [0, 1], interior: [0, 0] } },
    {
      inputs: [{ dtype: "f32", shape: [1, 5, 6] }],
      params: { low: [0, -1, 2], high: [0, 1, -2], interior: [0, 0, 0] },
    },
    { inputs: [{ dtype: "f32", shape: [2, 3, 4] }], params: { low: [0, 1, 0], high: [0, 0, 3], interior: [0, 1, 2] } },
    { inputs: [{ dtype: "f32", shape: [1, 4] }], params: { low: [0, -2], high: [0, -1], interior: [0, 1] } },
  ],
};

/** Whether element i of the input lands inside the output, negative padding considered. */
function insideMask(
  shape: Shape,
  output: Shape,
  { low, interior }: Pick<PadParams, "low" | "interior">,
): (element: number) => boolean {
  const strides = rowMajorStrides(shape);
  return (element) =>
    shape.every((extent, axis) => {
      const index = Math.floor(element / strides[axis]!) % extent;
      const target = low[axis]! + index * (interior[axis]! + 1);
      return target >= 0 && target < output[axis]!;
    });
}

/** ONNX pads no interiors: those are zeros on a new axis behind the old one, folded into it. */
export function lowerPad(builder: OnnxBuilder, x: OnnxValue, { low, high, interior }: PadParams): OnnxValue {
  let value = x;
  const extra = [...high];
  interior.forEach((count, axis) => {
    if (count === 0) return;
    const { dtype, shape } = value.aval;
    const before = shape.slice(0, axis);
    const behind = shape.slice(axis + 1);
    const spread = reshapeTo(builder, value, [...before, shape[axis]!, 1, ...behind]);
    const rank = spread.aval.shape.length;
    const pads = new Array<number>(2 * rank).fill(0);
    pads[rank + axis + 1] = count;
    const widened = { dtype, shape: [...before, shape[axis]!, count + 1, ...behind] };
    const zeroed = builder.node("Pad", [spread, builder.int64(pads)], widened);
    value = reshapeTo(builder, zeroed, [...before, shape[axis]! * (count + 1), ...behind]);
    extra[axis]! -= count;
  });
  if ([...low, ...extra].every((count) => count === 0)) return value;
  const { dtype, shape } = value.aval;
  return builder.node("Pad", [value, builder.int64([...low, ...extra])], {
    dtype,
    shape: shape.map((extent, axis) => extent + low[axis]! + extra[axis]!),
  });
}

function padWithTensorflow(
  tf: TensorflowOps,
  x: TensorflowValue,
  { low, high, interior }: PadParams,
  output: Shape,
): TensorflowValue {
  let value = x;
  const extra = [...high];
  interior.forEach((count, axis) => {
    if (count === 0) return;
    const { shape } = value;
    const spread = tf.reshape(value, [...shape.slice(0, axis), shape[axis]!, 1, ...shape.slice(axis + 1)]);
    const widths = spread.shape.map((_, i): [number, number] => [0, i === axis + 1 ? count : 0]);
    value = tf.reshape(
      tf.pad(spread, widths),
      shape.map((own, i) => (i === axis ? own * (count + 1) : own)),
    );
    extra[axis]! -= count;
  });
  // Zeros first: cropping first could leave nothing.
  const widths = low.map((count, axis): [number, number] => [Math.max(0, count), Math.max(0, extra[axis]!)]);
  const padded = widths.some(([a, b]) => a + b > 0) ? tf.pad(value, widths) : value;
  if (sameShape(padded.shape, output)) return padded;
  return tf.slice(
    padded,
    low.map((count) => Math.max(0, -count)),
    [...output],
  );
}
