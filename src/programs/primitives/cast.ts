import { definedBy, fillValue } from "../emit.ts";
import { broadcast as broadcastOf, cast as castOf, full, stopGradient as stopGradientOf } from "../ops.ts";
import type { NoParams, PrimitiveParams } from "../params.ts";
import type { Primitive } from "../primitive.ts";
import { sizeOf } from "../tensor.ts";
import { float64 } from "./kernels.ts";
import { ONNX_DOUBLE, ONNX_FLOAT, ONNX_UINT8 } from "./unary.ts";

const ONNX_TYPES = { f32: ONNX_FLOAT, f64: ONNX_DOUBLE, u8: ONNX_UINT8 } as const;

export const cast: Primitive<PrimitiveParams["cast"]> = {
  name: "cast",
  elementwise: true,
  cheap: true,
  aval: ([x], { dtype }) => ({ dtype, shape: x!.shape }),
  jvp: ([t], _, __, { dtype }) => castOf(t!, dtype),
  vjp: (g, [x]) => [castOf(g, x!.dtype)],
  evaluate: ([x], { dtype }, output) => {
    if (dtype !== "u8") return float64(output.shape, Float64Array.from(x!.data));
    const result = new Float64Array(sizeOf(output.shape));
    for (let i = 0; i < result.length; i++) result[i] = Math.trunc(x!.data[i]!) & 255;
    return float64(output.shape, result);
  },
  onnx: (builder, [x], { dtype }, output) => builder.node("Cast", [x], output, { to: ONNX_TYPES[dtype] }),
  tensorflow: (tf, [x], { dtype }) => {
    if (dtype === "f64") throw new Error("cast: TensorFlow.js has no float64");
    return tf.cast(x!, dtype === "f32" ? "float32" : "int32");
  },
  describe: ({ dtype }) => dtype,
  retype: ({ dtype }, float) => ({ dtype: dtype === "u8" ? dtype : float }),
  simplify: ([x], { dtype }) => (x!.dtype === dtype ? x : undefined),
  samples: [
    { inputs: [{ dtype: "u8", shape: [2, 3, 4] }], params: { dtype: "f32" }, range: [0, 255] },
    { inputs: [{ dtype: "u8", shape: [1, 7] }], params: { dtype: "f32" }, range: [0, 255] },
  ],
};

export const stopGradient: Primitive<NoParams> = {
  name: "stopGradient",
  cheap: true,
  nondifferentiable: true,
  aval: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  jvp: () => undefined,
  vjp: () => [undefined],
  evaluate: ([x]) => x!,
  // No node: its derivative is the only thing that this primitive is about.
  onnx: (_, [x]) => x!,
  tensorflow: (tf, [x]) => tf.clone(x!),
  simplify: ([x]) => {
    if (definedBy(x!, "stopGradient") !== undefined || definedBy(x!, "step") !== undefined) return x;
    const value = fillValue(x!);
    if (value !== undefined) return full(x!.shape, value, x!.dtype);
    const broadcast = definedBy(x!, "broadcast");
    return broadcast === undefined ? undefined : broadcastOf(stopGradientOf(broadcast.inputs[0]!), x!.shape);
  },
  samples: [
    { inputs: [{ dtype: "f32", shape: [2, 3] }], params: {} },
    { inputs: [{ dtype: "f32", shape: [] }], params: {} },
  ],
};
