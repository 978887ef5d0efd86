import { withoutBatchBroadcasts } from "../batch.ts";
import { definedBy, fillValue } from "../emit.ts";
import type { OnnxBuilder, OnnxValue } from "../lowering.ts";
import { matmul as matmulOf, zeros } from "../ops.ts";
import type { MatmulParams } from "../params.ts";
import type { Primitive, PrimitiveSample } from "../primitive.ts";
import { broadcastShapes, formatAval, formatShape, gatherOffsets, rowMajorStrides } from "../shapes.ts";
import { type Aval, type Shape, sizeOf, type Tensor } from "../tensor.ts";
import type { Variable } from "../variable.ts";
import { bilinear } from "./bilinear.ts";
import { float64, gather, multiplyInto } from "./kernels.ts";

/** M, K of the left operand, N of the right, as multiplied. */
interface Extents {
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

function extents(a: Shape, b: Shape, { transposeA, transposeB }: MatmulParams): Extents & { readonly kOfB: number } {
  const [rowsA, columnsA] = [a.at(-2)!, a.at(-1)!];
  const [rowsB, columnsB] = [b.at(-2)!, b.at(-1)!];
  return {
    m: transposeA ? columnsA : rowsA,
    k: transposeA ? rowsA : columnsA,
    kOfB: transposeB ? columnsB : rowsB,
    n: transposeB ? rowsB : columnsB,
  };
}

const batchOf = (shape: Shape): Shape => shape.slice(0, -2);

/** c = op(a)·op(b), batched. Its derivative rules pick flags so that no transpose is ever needed. */
export const matmul: Primitive<MatmulParams> = {
  ...bilinear<MatmulParams>("matmul", matmulOf, (g, a, b, { transposeA: tA, transposeB: tB }) => [
    () => (tA ? product(b, g, tB, true) : product(g, b, false, !tB)),
    () => (tB ? product(g, a, true, tA) : product(a, g, !tA, false)),
  ]),
  aval: ([a, b], params) => {
    const what = `matmul${describeFlags(params)} of ${formatAval(a!)} and ${formatAval(b!)}`;
    if (a!.dtype !== b!.dtype || a!.dtype === "u8") throw new Error(`${what}: operands must share a float type`);
    if (a!.shape.length < 2 || a!.shape.length !== b!.shape.length)
      throw new Error(`${what}: operands must have equal rank, at least 2`);
    const { m, k, kOfB, n } = extents(a!.shape, b!.shape, params);
    if (k !== kOfB) throw new Error(`${what}: inner extents ${k} and ${kOfB} differ`);
    return { dtype: a!.dtype, shape: [...broadcastShapes(what, [batchOf(a!.shape), batchOf(b!.shape)]), m, n] };
  },
  evaluate: ([a, b], params, output) => {
    const { m, k, n } = extents(a!.shape, b!.shape, params);
    const left = untransposed(a!, params.transposeA);
    const right = untransposed(b!, params.transposeB);
    const batch = batchOf(output.shape);
    const offsetsA = batchOffsets(batchOf(a!.shape), batch, m * k);
    const offsetsB = batchOffsets(batchOf(b!.shape), batch, k * n);
    const result = new Float64Array(sizeOf(output.shape));
    for (let i = 0; i < offsetsA.length; i++)
      multiplyInto([result, i * m * n], [left, offsetsA[i]!], [right, offsetsB[i]!], [m, k, n]);
    return float64(output.shape, result);
  },
  onnx: (builder, [a, b], params, output) => {
    const shape = extents(a!.aval.shape, b!.aval.shape, params);
    if (builder.device === "cpu" && (shape.m === 1 || shape.n === 1))
      return lowerWithVector(builder, a!, b!, params, output);
    if (builder.device === "cpu" && roundsByThreads(shape)) {
      const flipped = { transposeA: !params.transposeB, transposeB: !params.transposeA };
      const turned = lowerProduct(builder, b!, a!, flipped, { ...output, shape: swapLast(output.shape) });
      return transposeLast(builder, turned);
    }
    return lowerProduct(builder, a!, b!, params, output);
  },
  tensorflow: (tf, [a, b], { transposeA, transposeB }) => tf.matMul(a!, b!, transposeA, transposeB),
  describe: (params) => describeFlags(params).slice(1, -1),
  simplify: ([a, b], params) => {
    const { shape, dtype } = matmul.aval([a!, b!], params);
    if (fillValue(a!) === 0 || fillValue(b!) === 0) return zeros(shape, dtype);
    const [left, right] = [swappedFrom(a!), swappedFrom(b!)];
    if (left !== undefined || right !== undefined)
      return matmulOf(left ?? a!, right ?? b!, {
        transposeA: params.transposeA !== (left !== undefined),
        transposeB: params.transposeB !== (right !== undefined),
      });
    const [narrowA, narrowB] = withoutBatchBroadcasts(a!, b!, shape.length - 2);
    return narrowA === a && narrowB === b ? undefined : matmulOf(narrowA, narrowB, params);
  },
  samples: [
    sample([2, 3, 4], [2, 4, 5], false, false),
    sample([2, 4, 3], [2, 4, 5], true, false),
    sample([2, 3, 4], [2, 5, 4], false, true),
    sample([2, 4, 3], [2, 5, 4], true, true),
    sample([3, 4, 6], [1, 6, 5], false, false),
    sample([3, 6, 4], [1, 5, 6], true, true),
    sample([1, 4, 6], [3, 6, 5], false, false),
    sample([1, 7, 3], [1, 3, 2], false, false),
    sample([1, 2, 3], [1, 7, 3], false, true),
    sample([4, 3], [3, 2], false, false),
    sample([2, 1, 3, 4], [1, 3, 4, 2], false, false),
    sample([2, 1, 6], [2, 6, 1], false, false),
  ],
};

const product = (a: Variable, b: Variable, transposeA: boolean, transposeB: boolean): Variable =>
  matmulOf(a, b, { transposeA, transposeB });

/** x, if the variable is x with its last two axes exchanged. */
function swappedFrom(variable: Variable): Variable | undefined {
  const turned = definedBy(variable, "transpose");
  if (turned === undefined) return undefined;
  const { permutation } = turned.params;
  const last = permutation.length - 1;
  const swaps = permutation.every((from, to) => from === (to === last ? last - 1 : to === last - 1 ? last : to));
  return swaps ? turned.inputs[0] : undefined;
}

/**
 * Whether a product's rounding would depend on the number of threads, so that the CPU computes its transpose instead: with
 * M < N threads share N, and K is blocked by the width of the share where it is long (ONNX-RUNTIME.md, "Bits"; MLAS's
 * numbers are in runtimes/onnx/gemm-threads.ts, which sees to N > 256 by taking fewer threads).
 */
const roundsByThreads = ({ m, k, n }: Extents): boolean => m < n && n <= 256 && k > 128;

const swapLast = (shape: Shape): Shape => [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];

/** The matrices as they are multiplied, row-major. */
function untransposed(tensor: Tensor, transposed: boolean): ArrayLike<number> {
  if (!transposed) return tensor.data;
  const strides = rowMajorStrides(tensor.shape);
  return gather(tensor, swapLast(tensor.shape), swapLast(strides), 0);
}

function batchOffsets(own: Shape, batch: Shape, size: number): Int32Array {
  const strides = rowMajorStrides(own).map((stride, axis) => (own[axis] === 1 ? 0 : stride * size));
  return gatherOffsets(batch, strides);
}

function transposeLast(builder: OnnxBuilder, value: OnnxValue): OnnxValue {
  const { shape, dtype } = value.aval;
  const axes = shape.map((_, axis) => axis);
  return builder.node("Transpose", [value], { dtype, shape: swapLast(shape) }, { perm: [...swapLast(axes)] });
}

/**
 * A product with a vector, elementwise and summed: MLAS's kernels for vectors round in another way than those for
 * matrices, and which of them runs would depend on whether replicas are joined.
 */
function lowerWithVector(
  builder: OnnxBuilder,
  a: OnnxValue,
  b: OnnxValue,
  { transposeA, transposeB }: MatmulParams,
  output: Aval,
): OnnxValue {
  const vectorFirst = output.shape.at(-1) !== 1;
  const [matrix, vector] = vectorFirst ? [b, a] : [a, b];
  // The matrix holds K on its last axis where it multiplies from the left as it is, or from the right transposed.
  const innermost = vectorFirst ? transposeB : !transposeA;
  const { dtype, shape } = matrix.aval;
  const k = shape.at(innermost ? -1 : -2)!;
  const along = reshapeTo(builder, vector, [...batchOf(vector.aval.shape), ...(innermost ? [1, k] : [k, 1])]);
  const batch = batchOf(output.shape);
  const products = builder.node("Mul", [matrix, along], { dtype, shape: [...batch, ...shape.slice(-2)] });
  const [rows, columns] = [shape.at(-2)!, shape.at(-1)!];
  const total = innermost
    ? sumRows(builder, reshapeTo(builder, products, [sizeOf(batch) * rows, columns]))
    : sumColumns(builder, reshapeTo(builder, products, [sizeOf(batch), rows, columns]));
  return reshapeTo(builder, total, output.shape);
}

/** `[rows, count]` → `[rows, 1]`, by a product with ones: the order of its sums depends on `count` alone. */
export function sumRows(builder: OnnxBuilder, x: OnnxValue): OnnxValue {
  const { dtype, shape } = x.aval;
  const ones = builder.constant(onesOf(dtype, [shape[1]!, 1]));
  return builder.node("MatMul", [x, ones], { dtype, shape: [shape[0]!, 1] });
}

/** `[blocks, count, columns]` → `[blocks, 1, columns]`, by a product with ones. */
export function sumColumns(builder: OnnxBuilder, x: OnnxValue): OnnxValue {
  const { dtype, shape } = x.aval;
  const ones = builder.constant(onesOf(dtype, [1, 1, shape[1]!]));
  const flags = { transposeA: false, transposeB: false };
  return lowerProduct(builder, ones, x, flags, { dtype, shape: [shape[0]!, 1, shape[2]!] });
}

function onesOf(dtype: string, shape: Shape): Tensor {
  const count = sizeOf(shape);
  return dtype === "f64"
    ? { dtype: "f64", shape, data: new Float64Array(count).fill(1) }
    : { dtype: "f32", shape, data: new Float32Array(count).fill(1) };
}

/** op(a)·op(b) by the fastest operator that this provider has. */
export function lowerProduct(
  builder: OnnxBuilder,
  a: OnnxValue,
  b: OnnxValue,
  params: MatmulParams,
  output: Aval,
): OnnxValue {
  const { transposeA, transposeB } = params;
  const { m, k, n } = extents(a.aval.shape, b.aval.shape, params);
  // One right operand for all replicas: their rows make one tall product, whose rounding does not depend on R.
  if (!transposeA && a.aval.shape.length > 2 && sizeOf(batchOf(b.aval.shape)) === 1) {
    const rows = sizeOf(output.shape) / n;
    const tall = lowerProduct(
      builder,
      reshapeTo(builder, a, [rows, k]),
      reshapeTo(builder, b, b.aval.shape.slice(-2)),
      params,
      { dtype: output.dtype, shape: [rows, n] },
    );
    return reshapeTo(builder, tall, [...batchOf(output.shape), m, n]);
  }
  // FusedMatMul has CPU and CUDA kernels for float32; WebGPU's would fall back to the CPU.
  const fused = (transposeA || transposeB) && output.dtype === "f32" && builder.device !== "webgpu";
  if (fused)
    return builder.node(
      "FusedMatMul",
      [a, b],
      output,
      { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 },
      "com.microsoft",
    );
  const left = transposeA ? transposeLast(builder, a) : a;
  const right = transposeB ? transposeLast(builder, b) : b;
  return builder.node("MatMul", [left, right], output);
}

/** A Reshape node, where the shape differs. */
export function reshapeTo(builder: OnnxBuilder, value: OnnxValue, shape: Shape): OnnxValue {
  return formatShape(shape) === formatShape(value.aval.shape)
    ? value
    : builder.node("Reshape", [value, builder.int64(shape)], { dtype: value.aval.dtype, shape });
}

function describeFlags({ transposeA, transposeB }: MatmulParams): string {
  const flags = [transposeA ? "transposeA" : "", transposeB ? "transposeB" : ""].filter((flag) => flag !== "");
  return flags.length === 0 ? "" : `[${flags.join(",")}]`;
}

function sample(a: Shape, b: Shape, transposeA: boolean, transposeB: boolean): PrimitiveSample<MatmulParams> {
  return {
    inputs: [
      { dtype: "f32", shape: a },
      { dtype: "f32", shape: b },
    ],
    params: { transposeA, transposeB },
  };
}
