import { definedBy, fillValue } from "../emit.ts";
import { carriesSeveral, refuseLead, withLead } from "../lead.ts";
import { broadcast as broadcastOf, full, reshape as reshapeOf, sumTo, transpose as transposeOf } from "../ops.ts";
import type { PrimitiveParams } from "../params.ts";
import type { Primitive } from "../primitive.ts";
import { formatShape, rowMajorStrides, sameShape } from "../shapes.ts";
import { sizeOf } from "../tensor.ts";
import { expand, float64, gather } from "./kernels.ts";
import { reshapeTo } from "./matmul.ts";

export const reshape: Primitive<PrimitiveParams["reshape"]> = {
  name: "reshape",
  cheap: true,
  aval: ([x], { shape }) => {
    if (sizeOf(x!.shape) !== sizeOf(shape))
      throw new Error(
        `reshape: ${formatShape(x!.shape)} has ${sizeOf(x!.shape)} elements, ${formatShape(shape)} has ${sizeOf(shape)}`,
      );
    return { dtype: x!.dtype, shape };
  },
  jvp: ([t], [x], _, { shape }) => reshapeOf(t!, withLead("reshape", shape, t!, x!)),
  vjp: (g, [x]) => [reshapeOf(g, x!.shape)],
  evaluate: ([x], { shape }) => ({ ...x!, shape }),
  onnx: (builder, [x], { shape }) => reshapeTo(builder, x!, shape),
  tensorflow: (tf, [x], { shape }) => tf.reshape(x!, [...shape]),
  simplify: ([x], { shape }) => {
    if (sameShape(x!.shape, shape)) return x;
    const value = fillValue(x!);
    if (value !== undefined) return full(shape, value, x!.dtype);
    const inner = definedBy(x!, "reshape");
    return inner === undefined ? undefined : reshapeOf(inner.inputs[0]!, shape);
  },
  samples: [
    { inputs: [{ dtype: "f32", shape: [2, 12] }], params: { shape: [2, 3, 4] } },
    { inputs: [{ dtype: "f32", shape: [1, 6] }], params: { shape: [2, 3, 1] } },
    { inputs: [{ dtype: "f32", shape: [1, 1] }], params: { shape: [] } },
  ],
};

export const transpose: Primitive<PrimitiveParams["transpose"]> = {
  name: "transpose",
  cheap: true,
  aval: ([x], { permutation }) => {
    const rank = x!.shape.length;
    const isPermutation =
      permutation.length === rank && [...permutation].sort((a, b) => a - b).every((axis, i) => axis === i);
    if (!isPermutation)
      throw new Error(
        `transpose: [${permutation.join(",")}] is no permutation of the axes of ${formatShape(x!.shape)}`,
      );
    return { dtype: x!.dtype, shape: permutation.map((axis) => x!.shape[axis]!) };
  },
  jvp: ([t], [x], y, { permutation }) => {
    if (carriesSeveral(t!, x!) && permutation[0] !== 0) refuseLead("transpose", t!, y.shape);
    return transposeOf(t!, permutation);
  },
  vjp: (g, _, __, { permutation }) => [transposeOf(g, inverse(permutation))],
  evaluate: ([x], { permutation }, output) => {
    const strides = rowMajorStrides(x!.shape);
    return float64(
      output.shape,
      gather(
        x!,
        output.shape,
        permutation.map((axis) => strides[axis]!),
        0,
      ),
    );
  },
  onnx: (builder, [x], { permutation }, output) => builder.node("Transpose", [x], output, { perm: permutation }),
  tensorflow: (tf, [x], { permutation }) => tf.transpose(x!, [...permutation]),
  describe: ({ permutation }) => permutation.join(","),
  simplify: ([x], { permutation }) => {
    const value = fillValue(x!);
    const shape = permutation.map((axis) => x!.shape[axis]!);
    if (value !== undefined) return full(shape, value, x!.dtype);
    const inner = definedBy(x!, "transpose");
    if (inner !== undefined) {
      const composed = permutation.map((axis) => inner.params.permutation[axis]!);
      return transposeOf(inner.inputs[0]!, composed);
    }
    // Moving axes of length 1 moves no data.
    const long = permutation.filter((axis) => x!.shape[axis] !== 1);
    return long.every((axis, i) => i === 0 || axis > long[i - 1]!) ? reshapeOf(x!, shape) : undefined;
  },
  samples: [
    { inputs: [{ dtype: "f32", shape: [2, 3, 4] }], params: { permutation: [0, 2, 1] } },
    { inputs: [{ dtype: "f32", shape: [2, 3, 4] }], params: { permutation: [2, 0, 1] } },
    { inputs: [{ dtype: "f32", shape: [1, 3, 2, 2, 4] }], params: { permutation: [0, 4, 2, 1, 3] } },
    { inputs: [{ dtype: "f32", shape: [3, 2] }], params: { permutation: [1, 0] } },
  ],
};

const inverse = (permutation: readonly number[]): number[] => permutation.map((_, axis) => permutation.indexOf(axis));

export const broadcast: Primitive<PrimitiveParams["broadcast"]> = {
  name: "broadcast",
  cheap: true,
  aval: ([x], { shape }) => {
    const fits = x!.shape.length === shape.length && x!.shape.every((own, axis) => own === 1 || own === shape[axis]);
    if (!fits) throw new Error(`broadcast: ${formatShape(x!.shape)} does not broadcast to ${formatShape(shape)}`);
    return { dtype: x!.dtype, shape };
  },
  jvp: ([t], [x], _, { shape }) => broadcastOf(t!, withLead("broadcast", shape, t!, x!)),
  vjp: (g, [x]) => [sumTo(g, x!.shape)],
  evaluate: ([x], { shape }) => float64(shape, Float64Array.from(expand(x!, shape))),
  onnx: (builder, [x], { shape }, output) => builder.node("Expand", [x, builder.int64(shape)], output),
  tensorflow: (tf, [x], { shape }) => tf.broadcastTo(x!, [...shape]),
  simplify: ([x], { shape }) => {
    const value = fillValue(x!);
    if (value !== undefined) return full(shape, value, x!.dtype);
    const inner = definedBy(x!, "broadcast");
    return inner === undefined ? undefined : broadcastOf(inner.inputs[0]!, shape);
  },
  samples: [
    { inputs: [{ dtype: "f32", shape: [1, 3, 1] }], params: { shape: [2, 3, 4] } },
    { inputs: [{ dtype: "f32", shape: [2, 1] }], params: { shape: [2, 5] } },
    { inputs: [{ dtype: "f32", shape: [1, 4, 1, 2] }], params: { shape: [1, 4, 3, 2] } },
  ],
};
