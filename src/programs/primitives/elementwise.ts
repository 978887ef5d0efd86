import type { OnnxBuilder, OnnxValue, TensorflowOps, TensorflowValue } from "../lowering.ts";
import { mul } from "../ops.ts";
import type { NoParams } from "../params.ts";
import type { Primitive, PrimitiveSample } from "../primitive.ts";
import { broadcastShapes, formatAval } from "../shapes.ts";
import type { Aval } from "../tensor.ts";
import type { Variable } from "../variable.ts";
import { mapElements } from "./kernels.ts";

/** The shape rule of every elementwise primitive: one float type, shapes that broadcast. */
export function elementwiseAval(name: string, inputs: readonly Aval[], arity: number): Aval {
  if (inputs.length !== arity) throw new Error(`${name}: takes ${arity} operands, was given ${inputs.length}`);
  const dtype = inputs[0]!.dtype;
  if (dtype === "u8" || inputs.some((input) => input.dtype !== dtype))
    throw new Error(`${name}: operands ${inputs.map(formatAval).join(", ")} must share a float type; cast them first`);
  return {
    dtype,
    shape: broadcastShapes(
      name,
      inputs.map((input) => input.shape),
    ),
  };
}

interface UnaryRules {
  readonly name: string;
  /** f′(x), from x and y = f(x). */
  derivative(x: Variable, y: Variable): Variable;
  /** f of one number. */
  value(x: number): number;
  /** An ONNX operator of one operand, or a lowering. */
  readonly onnx: string | ((builder: OnnxBuilder, x: OnnxValue, output: Aval) => OnnxValue);
  readonly tensorflow: (tf: TensorflowOps, x: TensorflowValue) => TensorflowValue;
  readonly simplify?: (x: Variable) => Variable | undefined;
  readonly cheap?: true;
  readonly range: readonly [number, number];
}

/** An elementwise primitive y = f(x): both derivative rules multiply by f′. */
export function unary(rules: UnaryRules): Primitive<NoParams> {
  const { name, derivative, value, onnx, tensorflow, simplify, range } = rules;
  return {
    name,
    elementwise: true,
    ...(rules.cheap ? { cheap: true } : {}),
    ...(simplify === undefined ? {} : { simplify: ([x]: readonly Variable[]) => simplify(x!) }),
    aval: (inputs) => elementwiseAval(name, inputs, 1),
    jvp: ([t], [x], y) => mul(t!, derivative(x!, y)),
    vjp: (g, [x], y) => [mul(g, derivative(x!, y))],
    evaluate: (inputs, _, output) => mapElements(inputs, output, value),
    onnx: (builder, [x], _, output) =>
      typeof onnx === "string" ? builder.node(onnx, [x], output) : onnx(builder, x!, output),
    tensorflow: (tf, [x]) => tensorflow(tf, x!),
    samples: [
      { inputs: [{ dtype: "f32", shape: [2, 3, 5] }], params: {}, range },
      { inputs: [{ dtype: "f32", shape: [1, 4, 1] }], params: {}, range },
      { inputs: [{ dtype: "f32", shape: [] }], params: {}, range },
    ],
  };
}

/** Operand shapes that cover equal shapes, a shared replica, a row and a column against a matrix, and scalars. */
export function binarySamples(range?: readonly [number, number]): readonly PrimitiveSample<NoParams>[] {
  const pairs = [
    [
      [2, 3, 4],
      [2, 3, 4],
    ],
    [
      [3, 2, 4],
      [1, 2, 4],
    ],
    [
      [1, 3, 1],
      [2, 1, 4],
    ],
    [
      [1, 1, 5],
      [1, 3, 5],
    ],
    [[], []],
  ] as const;
  return pairs.map(([a, b]) => ({
    inputs: [
      { dtype: "f32", shape: a },
      { dtype: "f32", shape: b },
    ],
    params: {},
    ...(range === undefined ? {} : { range }),
  }));
}
