import { fillValue } from "../emit.ts";
import {
  conv2d as conv2dOf,
  conv2dFilterGradient as filterGradientOf,
  conv2dInputGradient as inputGradientOf,
  zeros,
} from "../ops.ts";
import type { Conv2dParams, Pair, PrimitiveParams } from "../params.ts";
import type { Primitive, PrimitiveSample } from "../primitive.ts";
import { type Aval, type Shape, sizeOf } from "../tensor.ts";
import type { Variable } from "../variable.ts";
import { bilinear } from "./bilinear.ts";
import { visitConv2d } from "./conv2d-evaluate.ts";
import { type Conv2dForm, conv2dForm, filterShape, imageShape, resultShape, sharedFloat } from "./conv2d-form.ts";
import * as onnx from "./conv2d-onnx.ts";
import * as tensorflow from "./conv2d-tensorflow.ts";
import { float64 } from "./kernels.ts";

/**
 * Convolution as three views of the trilinear form ⟨g, x ∗ w⟩: the convolution gives what meets g, its input gradient what
 * meets x, its filter gradient what meets w. Each is bilinear in the two others, and its derivatives are the other two views.
 */

/** A product with zeros is zero. */
function zeroProduct<P>(aval: (inputs: readonly Aval[], params: P) => Aval) {
  return (inputs: readonly Variable[], params: P): Variable | undefined => {
    if (!inputs.some((input) => fillValue(input) === 0)) return undefined;
    const { shape, dtype } = aval(inputs, params);
    return zeros(shape, dtype);
  };
}

const imageSizeOf = (x: Variable, { interleave }: Conv2dParams): Pair => [x.shape[3]!, x.shape[4]! / interleave];
const kernelSizeOf = (w: Variable): Pair => [w.shape[3]!, w.shape[4]!];

const describeConv2d = ({ strides, padding, interleave }: Conv2dParams): string =>
  `strides=${strides.join(",")} padding=${padding.map((pair) => pair.join(":")).join(",")} interleave=${interleave}`;

const convForm = ([x, w]: readonly { readonly shape: Shape }[], params: Conv2dParams): Conv2dForm =>
  conv2dForm({ name: "conv2d", x, w, g: undefined }, params);

const conv2dAval = (inputs: readonly Aval[], params: Conv2dParams): Aval => ({
  dtype: sharedFloat("conv2d", inputs[0]!, inputs[1]!),
  shape: resultShape(convForm(inputs, params)),
});

export const conv2d: Primitive<Conv2dParams> = {
  ...bilinear<Conv2dParams>("conv2d", conv2dOf, (g, x, w, params) => [
    () => inputGradientOf(g, w, { ...params, inputSize: imageSizeOf(x, params) }),
    () => filterGradientOf(x, g, { ...params, kernelSize: kernelSizeOf(w) }),
  ]),
  aval: conv2dAval,
  evaluate: ([x, w], params, output) => {
    const y = new Float64Array(sizeOf(output.shape));
    visitConv2d(convForm([x!, w!], params), { x: x!.shape, w: w!.shape }, (xAt, wAt, yAt, count) => {
      const weight = w!.data[wAt]!;
      for (let k = 0; k < count; k++) y[yAt + k]! += weight * x!.data[xAt + k]!;
    });
    return float64(output.shape, y);
  },
  onnx: (builder, [x, w], params, output) => {
    const form = convForm([x!.aval, w!.aval], params);
    return onnx.eachReplica(builder, [x!, w!], output, (a, b) => onnx.lowerConv2d(builder, a, b, form));
  },
  tensorflow: (tf, [x, w], params, output) => {
    const form = convForm([x!, w!], params);
    return tensorflow.eachReplica(tf, [x!, w!], output.shape, (a, b) => tensorflow.convolve(tf, a, b, form));
  },
  describe: describeConv2d,
  simplify: zeroProduct(conv2dAval),
  samples: samplesOf((form) => [imageShape(form), filterShape(form)]),
};

type InputGradientParams = PrimitiveParams["conv2dInputGradient"];

const inputGradientForm = ([g, w]: readonly { readonly shape: Shape }[], params: InputGradientParams): Conv2dForm =>
  conv2dForm({ name: "conv2dInputGradient", x: undefined, w, g }, params);

const inputGradientAval = (inputs: readonly Aval[], params: InputGradientParams): Aval => ({
  dtype: sharedFloat("conv2dInputGradient", inputs[0]!, inputs[1]!),
  shape: imageShape(inputGradientForm(inputs, params)),
});

export const conv2dInputGradient: Primitive<InputGradientParams> = {
  ...bilinear<InputGradientParams>("conv2dInputGradient", inputGradientOf, (x, g, w, params) => [
    () => conv2dOf(x, w, params),
    () => filterGradientOf(x, g, { ...params, kernelSize: kernelSizeOf(w) }),
  ]),
  aval: inputGradientAval,
  evaluate: ([g, w], params, output) => {
    const x = new Float64Array(sizeOf(output.shape));
    visitConv2d(inputGradientForm([g!, w!], params), { w: w!.shape, y: g!.shape }, (xAt, wAt, yAt, count) => {
      const weight = w!.data[wAt]!;
      for (let k = 0; k < count; k++) x[xAt + k]! += weight * g!.data[yAt + k]!;
    });
    return float64(output.shape, x);
  },
  onnx: (builder, [g, w], params, output) => {
    const form = inputGradientForm([g!.aval, w!.aval], params);
    return onnx.eachReplica(builder, [g!, w!], output, (a, b) => onnx.lowerConv2dInputGradient(builder, a, b, form));
  },
  tensorflow: (tf, [g, w], params, output) => {
    const form = inputGradientForm([g!, w!], params);
    return tensorflow.eachReplica(tf, [g!, w!], output.shape, (a, b) => tensorflow.inputGradient(tf, a, b, form));
  },
  describe: (params) => `${describeConv2d(params)} inputSize=${params.inputSize.join(",")}`,
  simplify: zeroProduct(inputGradientAval),
  samples: samplesOf(
    (form) => [resultShape(form), filterShape(form)],
    ({ size }) => ({ inputSize: size }),
  ),
};

type FilterGradientParams = PrimitiveParams["conv2dFilterGradient"];

const filterGradientForm = ([x, g]: readonly { readonly shape: Shape }[], params: FilterGradientParams): Conv2dForm =>
  conv2dForm({ name: "conv2dFilterGradient", x, w: undefined, g }, params);

const filterGradientAval = (inputs: readonly Aval[], params: FilterGradientParams): Aval => ({
  dtype: sharedFloat("conv2dFilterGradient", inputs[0]!, inputs[1]!),
  shape: filterShape(filterGradientForm(inputs, params)),
});

export const conv2dFilterGradient: Primitive<FilterGradientParams> = {
  ...bilinear<FilterGradientParams>("conv2dFilterGradient", filterGradientOf, (w, x, g, params) => [
    () => inputGradientOf(g, w, { ...params, inputSize: imageSizeOf(x, params) }),
    () => conv2dOf(x, w, params),
  ]),
  aval: filterGradientAval,
  evaluate: ([x, g], params, output) => {
    const w = new Float64Array(sizeOf(output.shape));
    visitConv2d(filterGradientForm([x!, g!], params), { x: x!.shape, y: g!.shape }, (xAt, wAt, yAt, count) => {
      let dot = 0;
      for (let k = 0; k < count; k++) dot += g!.data[yAt + k]! * x!.data[xAt + k]!;
      w[wAt]! += dot;
    });
    return float64(output.shape, w);
  },
  onnx: (builder, [x, g], params, output) => {
    const form = filterGradientForm([x!.aval, g!.aval], params);
    return onnx.eachReplica(builder, [x!, g!], output, (a, b) => onnx.lowerConv2dFilterGradient(builder, a, b, form));
  },
  tensorflow: (tf, [x, g], params, output) => {
    const form = filterGradientForm([x!, g!], params);
    return tensorflow.eachReplica(tf, [x!, g!], output.shape, (a, b) => tensorflow.filterGradient(tf, a, b, form));
  },
  describe: (params) => `${describeConv2d(params)} kernelSize=${params.kernelSize.join(",")}`,
  simplify: zeroProduct(filterGradientAval),
  samples: samplesOf(
    (form) => [imageShape(form), resultShape(form)],
    ({ kernel }) => ({ kernelSize: kernel }),
  ),
};

/** The same convolutions for all three views: NCHW, blocked, strided, asymmetric, 1×1, whole and half blocks of channels, replicas, a shared operand. */
function samplesOf<P extends Conv2dParams>(
  operands: (form: Conv2dForm) => readonly [Shape, Shape],
  extra?: (form: Conv2dForm) => Omit<P, keyof Conv2dParams>,
): readonly PrimitiveSample<P>[] {
  const same = [
    [1, 1],
    [1, 1],
  ] as const;
  const none = [
    [0, 0],
    [0, 0],
  ] as const;
  const cases: readonly (readonly [Shape, Shape, Conv2dParams])[] = [
    [[1, 2, 3, 5, 4], [1, 2, 3, 3, 3], { strides: [1, 1], padding: same, interleave: 1 }],
    [[1, 2, 2, 4, 4 * 3], [1, 3, 2, 3, 3], { strides: [1, 1], padding: same, interleave: 3 }],
    [[1, 2, 2, 5, 6], [1, 3, 2, 3, 3], { strides: [2, 2], padding: same, interleave: 1 }],
    [[1, 1, 2, 6, 6 * 2], [1, 2, 2, 3, 3], { strides: [2, 2], padding: same, interleave: 2 }],
    [[1, 1, 3, 4, 4 * 2], [1, 2, 3, 1, 1], { strides: [1, 1], padding: none, interleave: 2 }],
    [[1, 1, 2, 5, 5 * 2], [1, 2, 2, 1, 1], { strides: [2, 2], padding: none, interleave: 2 }],
    [
      [1, 2, 2, 5, 4 * 2],
      [1, 2, 2, 2, 3],
      {
        strides: [1, 1],
        padding: [
          [0, 1],
          [2, 0],
        ],
        interleave: 2,
      },
    ],
    [[1, 2, 16, 3, 2 * 2], [1, 32, 16, 3, 3], { strides: [1, 1], padding: same, interleave: 2 }],
    [[1, 1, 3, 3, 4], [1, 10, 3, 3, 3], { strides: [1, 1], padding: same, interleave: 1 }],
    [[2, 1, 2, 4, 4 * 2], [2, 3, 2, 3, 3], { strides: [1, 1], padding: same, interleave: 2 }],
    [[1, 2, 2, 3, 3], [3, 2, 2, 3, 3], { strides: [1, 1], padding: same, interleave: 1 }],
  ];
  return cases.map(([x, w, base]) => {
    const form = conv2dForm({ name: "sample", x: { shape: x }, w: { shape: w }, g: undefined }, base);
    const shapes = operands(form).map((shape, i) => shareReplicas(shape, i, x[0] !== w[0]));
    return {
      inputs: shapes.map((shape) => ({ dtype: "f32", shape })),
      params: { ...base, ...extra?.(form) } as P,
    };
  });
}

/** Where a sample shares an operand between replicas, the first one. */
function shareReplicas(shape: Shape, operand: number, shared: boolean): Shape {
  return shared && operand === 0 ? [1, ...shape.slice(1)] : shape;
}
