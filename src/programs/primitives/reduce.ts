import { definedBy, fillValue } from "../emit.ts";
import { carriesSeveral, refuseLead } from "../lead.ts";
import type { OnnxBuilder, OnnxValue } from "../lowering.ts";
import { addScalar, broadcast, div, full, max as maxOf, mul, neg, scale, step, sub, sum as sumOf } from "../ops.ts";
import type { ReduceParams } from "../params.ts";
import type { Primitive, PrimitiveSample } from "../primitive.ts";
import { formatAval, formatShape, gatherOffsets, keptShape, rowMajorStrides } from "../shapes.ts";
import { type Aval, type Shape, sizeOf, type Tensor } from "../tensor.ts";
import type { Variable } from "../variable.ts";
import { float64 } from "./kernels.ts";
import { reshapeTo, sumColumns, sumRows } from "./matmul.ts";

function reducedAval(name: string, x: Aval, { axes }: ReduceParams): Aval {
  if (x.dtype === "u8") throw new Error(`${name}: ${formatAval(x)} is no float; cast it first`);
  if (axes.some((axis, i) => axis < 0 || axis >= x.shape.length || (i > 0 && axis <= axes[i - 1]!)))
    throw new Error(`${name}: axes [${axes.join(",")}] of ${formatShape(x.shape)}`);
  return { dtype: x.dtype, shape: keptShape(x.shape, axes) };
}

/** Calls `visit(element, output index)` for each element. */
function fold(x: Tensor, output: Shape, visit: (value: number, at: number) => void): void {
  const strides = rowMajorStrides(output).map((stride, axis) => (output[axis] === 1 ? 0 : stride));
  const offsets = gatherOffsets(x.shape, strides);
  for (let i = 0; i < offsets.length; i++) visit(x.data[i]!, offsets[i]!);
}

const extentOf = (x: Variable, axes: readonly number[]): number => sizeOf(axes.map((axis) => x.shape[axis]!));

const notLong = (x: Variable, axes: readonly number[]): boolean => axes.some((axis) => x.shape[axis] === 1);

const longAxes = (x: Variable, axes: readonly number[]): number[] => axes.filter((axis) => x.shape[axis] !== 1);

function keepsLead(name: string, t: Variable, x: Variable, y: Variable, axes: readonly number[]): void {
  if (axes.includes(0) && carriesSeveral(t, x)) refuseLead(name, t, y.shape);
}

export const sum: Primitive<ReduceParams> = {
  name: "sum",
  aval: ([x], params) => reducedAval("sum", x!, params),
  jvp: ([t], [x], y, { axes }) => {
    keepsLead("sum", t!, x!, y, axes);
    return sumOf(t!, axes, { keep: true });
  },
  vjp: (g, [x]) => [broadcast(g, x!.shape)],
  evaluate: ([x], _, output) => {
    const result = new Float64Array(sizeOf(output.shape));
    fold(x!, output.shape, (value, at) => {
      result[at]! += value;
    });
    return float64(output.shape, result);
  },
  onnx: lowerSum,
  tensorflow: (tf, [x], { axes }) => tf.sum(x!, [...axes], true),
  describe: ({ axes }) => `axes=${axes.join(",")}`,
  simplify: ([x], { axes }) => {
    const value = fillValue(x!);
    if (value !== undefined) return full(keptShape(x!.shape, axes), value * extentOf(x!, axes), x!.dtype);
    if (notLong(x!, axes)) return sumOf(x!, longAxes(x!, axes), { keep: true });
    const scaled = definedBy(x!, "scale");
    if (scaled !== undefined) return scale(sumOf(scaled.inputs[0]!, axes, { keep: true }), scaled.params.factor);
    const source = definedBy(x!, "broadcast")?.inputs[0];
    if (source !== undefined) {
      // Repeated elements are counted, the others are summed.
      const count = extentOf(x!, axes) / extentOf(source, axes);
      return broadcast(scale(sumOf(source, axes, { keep: true }), count), keptShape(x!.shape, axes));
    }
    const inner = definedBy(x!, "sum");
    if (inner === undefined) return undefined;
    const all = [...new Set([...inner.params.axes, ...axes])].sort((a, b) => a - b);
    return sumOf(inner.inputs[0]!, all, { keep: true });
  },
  samples: reduceSamples(),
};

/**
 * Products with ones, so that bits do not depend on the number of replicas: the CPU's ReduceSum takes another path, with
 * other rounding, when the leading axis has length 1 or a row does not start on a multiple of 16 bytes, and WebGPU's when
 * there are many sums.
 */
function lowerSum(builder: OnnxBuilder, [x]: readonly OnnxValue[], { axes }: ReduceParams, output: Aval): OnnxValue {
  if (builder.device === "cuda") return builder.node("ReduceSum", [x, builder.int64(axes)], output, { keepdims: 1 });
  const { shape } = x!.aval;
  let value = x!;
  let end = shape.length;
  let trailing = 1;
  // From the innermost run of reduced axes outwards; `trailing` counts kept elements behind.
  while (end > 0) {
    if (!axes.includes(end - 1)) {
      trailing *= shape[end - 1]!;
      end -= 1;
      continue;
    }
    let start = end;
    while (start > 0 && axes.includes(start - 1)) start -= 1;
    const count = sizeOf(shape.slice(start, end));
    const leading = sizeOf(shape.slice(0, start));
    value =
      trailing === 1
        ? sumRows(builder, reshapeTo(builder, value, [leading, count]))
        : sumColumns(builder, reshapeTo(builder, value, [leading, count, trailing]));
    end = start;
  }
  return reshapeTo(builder, value, output.shape);
}

export const max: Primitive<ReduceParams> = {
  name: "max",
  aval: ([x], params) => reducedAval("max", x!, params),
  jvp: ([t], [x], y, { axes }) => {
    keepsLead("max", t!, x!, y, axes);
    return sumOf(mul(t!, shares(x!, y, axes)), axes, { keep: true });
  },
  vjp: (g, [x], y, { axes }) => [mul(g, shares(x!, y, axes))],
  evaluate: ([x], _, output) => {
    const result = new Float64Array(sizeOf(output.shape)).fill(Number.NEGATIVE_INFINITY);
    fold(x!, output.shape, (value, at) => {
      result[at] = Math.max(result[at]!, value);
    });
    return float64(output.shape, result);
  },
  onnx: (builder, [x], { axes }, output) =>
    builder.node("ReduceMax", [x, builder.int64(axes)], output, { keepdims: 1 }),
  tensorflow: (tf, [x], { axes }) => tf.max(x!, [...axes], true),
  describe: ({ axes }) => `axes=${axes.join(",")}`,
  simplify: ([x], { axes }) => {
    const value = fillValue(x!);
    if (value !== undefined) return full(keptShape(x!.shape, axes), value, x!.dtype);
    if (notLong(x!, axes)) return maxOf(x!, longAxes(x!, axes), { keep: true });
    const inner = definedBy(x!, "max");
    if (inner === undefined) return undefined;
    const all = [...new Set([...inner.params.axes, ...axes])].sort((a, b) => a - b);
    return maxOf(inner.inputs[0]!, all, { keep: true });
  },
  samples: reduceSamples(),
};

/** Each maximal element's share of the derivative: 1 / the number of elements that attain the maximum. */
function shares(x: Variable, y: Variable, axes: readonly number[]): Variable {
  const attains = addScalar(neg(step(sub(y, x))), 1);
  return div(attains, sumOf(attains, axes, { keep: true }));
}

function reduceSamples(): readonly PrimitiveSample<ReduceParams>[] {
  const cases: readonly (readonly [Shape, readonly number[]])[] = [
    [[2, 3, 4], [1]],
    [[1, 3, 4], [1]],
    [[2, 3, 4], [2]],
    [
      [2, 3, 4],
      [1, 2],
    ],
    [[5, 3], [0]],
    [
      [2, 3, 4, 2, 3],
      [1, 3, 4],
    ],
    [
      [2, 3],
      [0, 1],
    ],
    [[2, 1, 3], [1]],
  ];
  return cases.map(([shape, axes]) => ({ inputs: [{ dtype: "f32", shape }], params: { axes } }));
}
