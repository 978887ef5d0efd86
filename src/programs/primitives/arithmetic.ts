import { definedBy, fillValue } from "../emit.ts";
import {
  add as addOf,
  addScalar as addScalarOf,
  broadcast,
  div as divOf,
  mul as mulOf,
  neg,
  reciprocal,
  scale as scaleOf,
  sub as subOf,
  sumTo,
  zeros,
} from "../ops.ts";
import type { NoParams, PrimitiveParams } from "../params.ts";
import type { Primitive } from "../primitive.ts";
import { broadcastShapes } from "../shapes.ts";
import { type Shape, sizeOf, type Tensor } from "../tensor.ts";
import type { Variable } from "../variable.ts";
import { bilinear } from "./bilinear.ts";
import { binarySamples, elementwiseAval } from "./elementwise.ts";
import { mapElements } from "./kernels.ts";

const jointShape = (a: Variable, b: Variable): Shape => broadcastShapes("operands", [a.shape, b.shape]);

/** x in the shape that it has together with `other`. */
const alongside = (x: Variable, other: Variable): Variable => broadcast(x, jointShape(x, other));

/** `x` and `c` of a value c·x. */
function scaled(variable: Variable): { readonly of: Variable; readonly by: number } {
  const scaling = definedBy(variable, "scale");
  return scaling === undefined ? { of: variable, by: 1 } : { of: scaling.inputs[0]!, by: scaling.params.factor };
}

export const add: Primitive<NoParams> = {
  name: "add",
  elementwise: true,
  commutative: true,
  cheap: true,
  aval: (inputs) => elementwiseAval("add", inputs, 2),
  jvp: ([ta, tb], _, y) => {
    if (ta !== undefined && tb !== undefined) return addOf(ta, tb);
    const t = (ta ?? tb)!;
    return broadcast(t, broadcastShapes("add", [t.shape, y.shape]));
  },
  vjp: (g, [a, b], _, __, wanted) => [
    wanted[0] ? sumTo(g, a!.shape) : undefined,
    wanted[1] ? sumTo(g, b!.shape) : undefined,
  ],
  evaluate: (inputs, _, output) => mapElements(inputs, output, (a, b) => a + b),
  onnx: (builder, inputs, _, output) => builder.node("Add", inputs, output),
  tensorflow: (tf, [a, b]) => tf.add(a!, b!),
  simplify: ([a, b]) => {
    const [valueA, valueB] = [fillValue(a!), fillValue(b!)];
    if (valueA !== undefined) return addScalarOf(alongside(b!, a!), valueA);
    if (valueB !== undefined) return addScalarOf(alongside(a!, b!), valueB);
    const [left, right] = [scaled(a!), scaled(b!)];
    if (left.of === right.of) return scaleOf(left.of, left.by + right.by);
    if (right.by === -1) return subOf(a!, right.of);
    if (left.by === -1) return subOf(b!, left.of);
    return undefined;
  },
  samples: binarySamples(),
};

export const sub: Primitive<NoParams> = {
  name: "sub",
  elementwise: true,
  cheap: true,
  aval: (inputs) => elementwiseAval("sub", inputs, 2),
  jvp: ([ta, tb], _, y) => {
    if (ta !== undefined && tb !== undefined) return subOf(ta, tb);
    const t = ta ?? neg(tb!);
    return broadcast(t, broadcastShapes("sub", [t.shape, y.shape]));
  },
  vjp: (g, [a, b], _, __, wanted) => [
    wanted[0] ? sumTo(g, a!.shape) : undefined,
    wanted[1] ? neg(sumTo(g, b!.shape)) : undefined,
  ],
  evaluate: (inputs, _, output) => mapElements(inputs, output, (a, b) => a - b),
  onnx: (builder, inputs, _, output) => builder.node("Sub", inputs, output),
  tensorflow: (tf, [a, b]) => tf.sub(a!, b!),
  simplify: ([a, b]) => {
    const [valueA, valueB] = [fillValue(a!), fillValue(b!)];
    if (valueB !== undefined) return addScalarOf(alongside(a!, b!), -valueB);
    if (valueA !== undefined) return addScalarOf(neg(alongside(b!, a!)), valueA);
    const [left, right] = [scaled(a!), scaled(b!)];
    if (left.of === right.of) return scaleOf(left.of, left.by - right.by);
    if (right.by === -1) return addOf(a!, right.of);
    if (left.by === -1) return neg(addOf(left.of, b!));
    return undefined;
  },
  samples: binarySamples(),
};

export const mul: Primitive<NoParams> = {
  ...bilinear<NoParams>("mul", mulOf, (g, a, b) => [() => mulOf(g, b), () => mulOf(g, a)]),
  elementwise: true,
  commutative: true,
  cheap: true,
  aval: (inputs) => elementwiseAval("mul", inputs, 2),
  evaluate: (inputs, _, output) => mapElements(inputs, output, (a, b) => a * b),
  onnx: (builder, inputs, _, output) => builder.node("Mul", inputs, output),
  tensorflow: (tf, [a, b]) => tf.mul(a!, b!),
  simplify: ([a, b]) => {
    const [valueA, valueB] = [fillValue(a!), fillValue(b!)];
    if (valueA !== undefined) return scaleOf(alongside(b!, a!), valueA);
    if (valueB !== undefined) return scaleOf(alongside(a!, b!), valueB);
    const [left, right] = [scaled(a!), scaled(b!)];
    if (left.by !== 1 && right.by !== 1) {
      // One scaling is enough, and it belongs on the smaller operand.
      const factor = left.by * right.by;
      return sizeOf(left.of.shape) <= sizeOf(right.of.shape)
        ? mulOf(scaleOf(left.of, factor), right.of)
        : mulOf(left.of, scaleOf(right.of, factor));
    }
    return maskOnce(a!, b!) ?? maskOnce(b!, a!);
  },
  samples: binarySamples(),
};

/** A mask of x times what is masked by it already. */
function maskOnce(mask: Variable, masked: Variable): Variable | undefined {
  const of = definedBy(mask, "step")?.inputs[0];
  if (of === undefined) return undefined;
  if (masked === mask) return mask;
  if (masked === of && definedBy(of, "relu") !== undefined) return of;
  return definedBy(masked, "mul")?.inputs.includes(mask) ? alongside(masked, mask) : undefined;
}

export const div: Primitive<NoParams> = {
  name: "div",
  elementwise: true,
  aval: (inputs) => elementwiseAval("div", inputs, 2),
  jvp: ([ta, tb], [, b], y) => {
    if (tb === undefined) return divOf(ta!, b!);
    const change = mulOf(y, tb);
    return divOf(ta === undefined ? neg(change) : subOf(ta, change), b!);
  },
  vjp: (g, [a, b], y, _, wanted) => {
    const quotient = divOf(g, b!);
    return [
      wanted[0] ? sumTo(quotient, a!.shape) : undefined,
      wanted[1] ? neg(sumTo(mulOf(quotient, y), b!.shape)) : undefined,
    ];
  },
  evaluate: (inputs, _, output) => mapElements(inputs, output, (a, b) => a / b),
  onnx: (builder, inputs, _, output) => builder.node("Div", inputs, output),
  tensorflow: (tf, [a, b]) => tf.div(a!, b!),
  simplify: ([a, b]) => {
    const [valueA, valueB] = [fillValue(a!), fillValue(b!)];
    if (valueB !== undefined && valueB !== 0) return scaleOf(alongside(a!, b!), 1 / valueB);
    if (valueA !== undefined) return alongside(scaleOf(reciprocal(b!), valueA), a!);
    return undefined;
  },
  samples: binarySamples([0.5, 2]),
};

export const scale: Primitive<PrimitiveParams["scale"]> = {
  name: "scale",
  elementwise: true,
  cheap: true,
  aval: (inputs) => elementwiseAval("scale", inputs, 1),
  jvp: ([t], _, __, { factor }) => scaleOf(t!, factor),
  vjp: (g, _, __, { factor }) => [scaleOf(g, factor)],
  evaluate: (inputs, { factor }, output) => mapElements(inputs, output, (x) => factor * x),
  onnx: (builder, [x], { factor }, output) =>
    factor === -1
      ? builder.node("Neg", [x], output)
      : builder.node("Mul", [x, builder.constant(scalarLike(output.dtype, factor))], output),
  tensorflow: (tf, [x], { factor }) => (factor === -1 ? tf.neg(x!) : tf.mul(x!, tf.scalar(factor))),
  describe: ({ factor }) => formatNumber(factor),
  simplify: ([x], { factor }) => {
    if (factor === 0) return zeros(x!.shape, x!.dtype);
    const inner = definedBy(x!, "scale");
    if (inner !== undefined) return scaleOf(inner.inputs[0]!, inner.params.factor * factor);
    const difference = factor === -1 ? definedBy(x!, "sub") : undefined;
    return difference === undefined ? undefined : subOf(difference.inputs[1]!, difference.inputs[0]!);
  },
  samples: [
    { inputs: [{ dtype: "f32", shape: [2, 3] }], params: { factor: -2.5 } },
    { inputs: [{ dtype: "f32", shape: [1, 4] }], params: { factor: -1 } },
    { inputs: [{ dtype: "f32", shape: [] }], params: { factor: 1 / 3 } },
  ],
};

export const addScalar: Primitive<PrimitiveParams["addScalar"]> = {
  name: "addScalar",
  elementwise: true,
  cheap: true,
  aval: (inputs) => elementwiseAval("addScalar", inputs, 1),
  jvp: ([t]) => t,
  vjp: (g) => [g],
  evaluate: (inputs, { value }, output) => mapElements(inputs, output, (x) => x + value),
  onnx: (builder, [x], { value }, output) =>
    builder.node("Add", [x, builder.constant(scalarLike(output.dtype, value))], output),
  tensorflow: (tf, [x], { value }) => tf.add(x!, tf.scalar(value)),
  describe: ({ value }) => formatNumber(value),
  simplify: ([x], { value }) => {
    const inner = definedBy(x!, "addScalar");
    return inner === undefined ? undefined : addScalarOf(inner.inputs[0]!, inner.params.value + value);
  },
  samples: [
    { inputs: [{ dtype: "f32", shape: [2, 3] }], params: { value: 0.75 } },
    { inputs: [{ dtype: "f32", shape: [] }], params: { value: -1 / 3 } },
  ],
};

/** A scalar operand of `dtype`. */
export function scalarLike(dtype: string, value: number): Tensor {
  return dtype === "f64"
    ? { dtype: "f64", shape: [], data: Float64Array.of(value) }
    : { dtype: "f32", shape: [], data: Float32Array.of(value) };
}

/** At most seven digits: enough to recognise a number in a printed program. */
export function formatNumber(value: number): string {
  return String(Number(value.toPrecision(7)));
}
