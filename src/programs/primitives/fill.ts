import type { PrimitiveParams } from "../params.ts";
import type { Primitive } from "../primitive.ts";
import { formatShape } from "../shapes.ts";
import { type DType, type Shape, sizeOf, type Tensor } from "../tensor.ts";
import { formatNumber } from "./arithmetic.ts";
import { float64 } from "./kernels.ts";

export const fill: Primitive<PrimitiveParams["fill"]> = {
  name: "fill",
  cheap: true,
  nondifferentiable: true,
  aval: (_, { shape, dtype }) => ({ dtype, shape }),
  jvp: () => undefined,
  vjp: () => [],
  evaluate: (_, { shape, value }) => float64(shape, new Float64Array(sizeOf(shape)).fill(value)),
  onnx: (builder, _, { shape, value, dtype }, output) => {
    if (sizeOf(shape) <= 1) return builder.constant(uniform(dtype, shape, value));
    // One number in the model rather than all of them.
    const point = builder.constant(
      uniform(
        dtype,
        shape.map(() => 1),
        value,
      ),
    );
    return builder.node("Expand", [point, builder.int64(shape)], output);
  },
  tensorflow: (tf, _, { shape, value, dtype }) => {
    if (dtype === "f64") throw new Error("fill: TensorFlow.js has no float64");
    return tf.fill([...shape], value, dtype === "f32" ? "float32" : "int32");
  },
  describe: ({ value }) => formatNumber(value),
  retype: ({ shape, value, dtype }, float) => ({ shape, value, dtype: dtype === "u8" ? dtype : float }),
  samples: [
    { inputs: [], params: { shape: [2, 3], value: 0.5, dtype: "f32" } },
    { inputs: [], params: { shape: [], value: -1 / 3, dtype: "f32" } },
    { inputs: [], params: { shape: [1, 1], value: 0, dtype: "f32" } },
  ],
};

const identities = new WeakMap<Tensor, number>();
let numIdentities = 0;

export const constant: Primitive<PrimitiveParams["constant"]> = {
  name: "constant",
  cheap: true,
  nondifferentiable: true,
  aval: (_, { tensor }) => {
    if (tensor.data.length !== sizeOf(tensor.shape))
      throw new Error(`constant: ${tensor.data.length} elements for shape ${formatShape(tensor.shape)}`);
    return { dtype: tensor.dtype, shape: tensor.shape };
  },
  jvp: () => undefined,
  vjp: () => [],
  evaluate: (_, { tensor }) => float64(tensor.shape, Float64Array.from(tensor.data)),
  onnx: (builder, _, { tensor }) => builder.constant(tensor),
  tensorflow: (tf, _, { tensor }) => {
    if (tensor.dtype === "f64") throw new Error("constant: TensorFlow.js has no float64");
    // A copy: tfjs keeps the array that it is given.
    return tensor.dtype === "f32"
      ? tf.tensor(Float32Array.from(tensor.data), [...tensor.shape], "float32")
      : tf.tensor(Int32Array.from(tensor.data), [...tensor.shape], "int32");
  },
  retype: ({ tensor }, float) => ({ tensor: retyped(tensor, float) }),
  // Data is not compared: the same tensor object is the same constant.
  key: ({ tensor }) => {
    const known = identities.get(tensor);
    if (known !== undefined) return String(known);
    numIdentities += 1;
    identities.set(tensor, numIdentities);
    return String(numIdentities);
  },
  samples: [
    { inputs: [], params: { tensor: { dtype: "f32", shape: [2, 3], data: Float32Array.of(1, -2, 0.5, 3, 0, 7) } } },
    { inputs: [], params: { tensor: { dtype: "f32", shape: [], data: Float32Array.of(0.25) } } },
  ],
};

function uniform(dtype: DType, shape: Shape, value: number): Tensor {
  const total = sizeOf(shape);
  if (dtype === "f64") return { dtype, shape, data: new Float64Array(total).fill(value) };
  if (dtype === "f32") return { dtype, shape, data: new Float32Array(total).fill(value) };
  return { dtype, shape, data: new Uint8Array(total).fill(value) };
}

function retyped(tensor: Tensor, float: "f32" | "f64"): Tensor {
  if (tensor.dtype === "u8" || tensor.dtype === float) return tensor;
  const data = float === "f64" ? Float64Array.from(tensor.data) : Float32Array.from(tensor.data);
  return { dtype: float, shape: tensor.shape, data };
}
