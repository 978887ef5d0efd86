import type { OnnxBuilder, OnnxValue } from "../../programs/lowering.ts";
import { scalarLike } from "../../programs/primitives/arithmetic.ts";
import { reshapeTo, sumColumns } from "../../programs/primitives/matmul.ts";
import type { Equation } from "../../programs/program.ts";
import { sameShape } from "../../programs/shapes.ts";
import { type Shape, sizeOf } from "../../programs/tensor.ts";
import type { Variable } from "../../programs/variable.ts";
import type { Fusion, Uses } from "./fusion.ts";

/** Rows shorter than this are left alone: a kernel's call would cost more than what is saved. */
const LONG = 2048;
/** Numbers of float32 in 64 bytes: rows of whole lines, so that no row's rounding depends on where it starts. */
const LINE = 16;

interface Run {
  /** First of the reduced axes that are innermost. */
  readonly start: number;
  readonly count: number;
}

/**
 * Sums over long rows (a channel's pixels). Σ a·b is a row's scalar product, which takes a quarter of the time of a
 * product that is written and read again; sums of sums are taken apart; factors that are constant along a row come out.
 * What is known of a row's sum already is not computed again, which gives a bias before a batch norm its gradient for free.
 */
export function createSums(builder: OnnxBuilder, uses: Uses, value: (variable: Variable) => OnnxValue): Fusion {
  const known = new Map<string, OnnxValue>();
  const { definition, once } = uses;

  return ({ primitive, inputs, params, output }) => {
    const x = inputs[0];
    if (primitive.name !== "sum" || x === undefined || x.dtype !== "f32") return undefined;
    const { axes } = params as { readonly axes: readonly number[] };
    const run = innermost(x.shape, axes);
    // Not of one row: the number of replicas may not decide on the way to sum.
    if (run === undefined || run.start < 2 || sizeOf(x.shape.slice(1, run.start)) < 2) return undefined;
    if (run.count < LONG || run.count % LINE !== 0) return undefined;
    const rows = rowSums(x, run);
    const rest = axes.filter((axis) => axis < run.start);
    if (rest.length === 0) return reshapeTo(builder, rows, output.shape);
    // Between the replicas and the channels: blocks of images.
    const kept = rows.aval.shape.slice(0, run.start);
    if (rest.length !== 1 || rest[0] !== 1) return undefined;
    const [replicas, blocks] = [kept[0]!, kept[1]!];
    const columns = reshapeTo(builder, rows, [replicas, blocks, sizeOf(kept.slice(2))]);
    return reshapeTo(builder, blocks === 1 ? columns : sumColumns(builder, columns), output.shape);
  };

  /** Sums of x's rows, with the reduced axes kept as 1. */
  function rowSums(x: Variable, run: Run): OnnxValue {
    const key = `${x.id} ${run.start}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const sum = takenApart(x, run) ?? plainSum(value(x), x.shape, run);
    known.set(key, sum);
    return sum;
  }

  function takenApart(x: Variable, run: Run): OnnxValue | undefined {
    // Then nothing else needs x itself.
    const own = once(x);
    const sum = definition(x, "add") ?? definition(x, "sub");
    if (sum !== undefined && (own || sum.inputs.every((term) => cheap(term, run))) && fullTerms(sum)) {
      const [left, right] = sum.inputs.map((term) => rowSums(term, run)) as [OnnxValue, OnnxValue];
      const shape = left.aval.shape.map((extent, axis) => Math.max(extent, right.aval.shape[axis]!));
      return builder.node(sum.primitive.name === "add" ? "Add" : "Sub", [left, right], { dtype: "f32", shape });
    }
    const scaled = definition(x, "scale");
    if (scaled !== undefined && (own || cheap(scaled.inputs[0]!, run))) {
      const inner = rowSums(scaled.inputs[0]!, run);
      const { factor } = scaled.params as { readonly factor: number };
      return builder.node("Mul", [inner, builder.constant(scalarLike("f32", factor))], inner.aval);
    }
    const product = definition(x, "mul");
    if (product === undefined) return undefined;
    const [a, b] = product.inputs as [Variable, Variable];
    if (sameShape(a.shape, x.shape) && sameShape(b.shape, x.shape)) return own ? scalarProducts(a, b, run) : undefined;
    for (const [full, factor] of [
      [a, b],
      [b, a],
    ] as const) {
      if (!sameShape(full.shape, x.shape) || !isNarrow(factor, run)) continue;
      if (!own && !cheap(full, run)) continue;
      const inner = rowSums(full, run);
      return builder.node("Mul", [inner, value(factor)], inner.aval);
    }
    return undefined;
  }

  /** Whether the sum of the rows costs no pass over them. */
  function cheap(x: Variable, run: Run): boolean {
    if (known.has(`${x.id} ${run.start}`)) return true;
    const inner = definition(x, "scale") ?? definition(x, "mul") ?? definition(x, "add") ?? definition(x, "sub");
    if (inner === undefined) return false;
    const full = inner.inputs.filter((operand) => !isNarrow(operand, run));
    if (inner.primitive.name === "mul" && full.length !== 1) return false;
    return fullTerms(inner) && full.every((operand) => sameShape(operand.shape, x.shape) && cheap(operand, run));
  }

  function fullTerms({ primitive, inputs, output }: Equation): boolean {
    return (
      (primitive.name !== "add" && primitive.name !== "sub") ||
      inputs.every((term) => sameShape(term.shape, output.shape))
    );
  }

  function scalarProducts(a: Variable, b: Variable, run: Run): OnnxValue {
    const rows = sizeOf(a.shape.slice(0, run.start));
    const [left, right] = [a, b].map((operand) => reshapeTo(builder, value(operand), [rows, 1, run.count]));
    const shape = [rows, 1, 1];
    const dots = builder.node("FusedMatMul", [left, right], { dtype: "f32", shape }, { transB: 1 }, "com.microsoft");
    return reshapeTo(builder, dots, rowShape(a.shape, run));
  }

  function plainSum(x: OnnxValue, shape: Shape, run: Run): OnnxValue {
    const rows = reshapeTo(builder, x, [sizeOf(shape.slice(0, run.start)), run.count]);
    const sums = builder.node("ReduceSum", [rows, builder.int64([1])], {
      dtype: "f32",
      shape: [rows.aval.shape[0]!, 1],
    });
    return reshapeTo(builder, sums, rowShape(shape, run));
  }
}

const isNarrow = (x: Variable, { start }: Run): boolean => x.shape.slice(start).every((extent) => extent === 1);

const rowShape = (shape: Shape, { start }: Run): Shape => shape.map((extent, axis) => (axis < start ? extent : 1));

/** The run of reduced axes that ends with the last one. */
function innermost(shape: Shape, axes: readonly number[]): Run | undefined {
  let start = shape.length;
  while (start > 0 && axes.includes(start - 1)) start -= 1;
  return start === shape.length ? undefined : { start, count: sizeOf(shape.slice(start)) };
}
