import { emit } from "./emit.ts";
import type { Conv2dParams, Pair } from "./params.ts";
import { broadcastAxes, droppedShape, formatShape, normalizeAxes, normalizeAxis, sameShape } from "./shapes.ts";
import { type DType, type Shape, sizeOf, type Tensor } from "./tensor.ts";
import type { Variable } from "./variable.ts";

/**
 * The vocabulary in which programs are written: plain functions on variables, valid inside `trace()`.
 * Elementwise operations take operands of equal rank where an axis of length 1 broadcasts, and of equal dtype.
 */

export const add = (a: Variable, b: Variable): Variable => emit("add", [a, b], {});
export const sub = (a: Variable, b: Variable): Variable => emit("sub", [a, b], {});
export const mul = (a: Variable, b: Variable): Variable => emit("mul", [a, b], {});
export const div = (a: Variable, b: Variable): Variable => emit("div", [a, b], {});
export const exp = (x: Variable): Variable => emit("exp", [x], {});
/** The natural logarithm. */
export const log = (x: Variable): Variable => emit("log", [x], {});
export const sqrt = (x: Variable): Variable => emit("sqrt", [x], {});
/** 1/√x. */
export const rsqrt = (x: Variable): Variable => emit("rsqrt", [x], {});
/** 1/x. */
export const reciprocal = (x: Variable): Variable => emit("reciprocal", [x], {});
export const tanh = (x: Variable): Variable => emit("tanh", [x], {});
/** max(x, 0), with derivative 0 at 0 (PROTOCOL B.1). */
export const relu = (x: Variable): Variable => emit("relu", [x], {});
/** 1 where x > 0, else 0; its derivative is zero everywhere. */
export const step = (x: Variable): Variable => emit("step", [x], {});
export const square = (x: Variable): Variable => mul(x, x);
export const neg = (x: Variable): Variable => scale(x, -1);
/** factor·x. */
export const scale = (x: Variable, factor: number): Variable => (factor === 1 ? x : emit("scale", [x], { factor }));
/** x + value. */
export const addScalar = (x: Variable, value: number): Variable =>
  value === 0 ? x : emit("addScalar", [x], { value });
/** `a` where the mask is not 0, else `b`. The mask has the operands' dtype and no derivative. */
export const select = (mask: Variable, a: Variable, b: Variable): Variable => emit("select", [mask, a, b], {});
export const cast = (x: Variable, dtype: DType): Variable => (x.dtype === dtype ? x : emit("cast", [x], { dtype }));
/** x, as a constant of differentiation. */
export const stopGradient = (x: Variable): Variable => emit("stopGradient", [x], {});

/** A tensor known when the program is made. Big data should be inputs. */
export const constant = (tensor: Tensor): Variable => emit("constant", [], { tensor });
/** One number everywhere. */
export const full = (shape: Shape, value: number, dtype: DType = "f32"): Variable =>
  emit("fill", [], { shape, value, dtype });
export const scalar = (value: number, dtype: DType = "f32"): Variable => full([], value, dtype);
export const zeros = (shape: Shape, dtype: DType = "f32"): Variable => full(shape, 0, dtype);
export const ones = (shape: Shape, dtype: DType = "f32"): Variable => full(shape, 1, dtype);

export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/**
 * a·b over the last two axes, `[…, M, K]·[…, K, N]`; the flags say that an operand holds its transpose.
 * Ranks are equal and batch axes of length 1 broadcast, so R replicas share a matrix with a leading 1.
 */
export function matmul(a: Variable, b: Variable, options: MatmulOptions = {}): Variable {
  return emit("matmul", [a, b], { transposeA: options.transposeA ?? false, transposeB: options.transposeB ?? false });
}

/** The same elements in row-major order under another shape. */
export function reshape(x: Variable, shape: Shape): Variable {
  return sameShape(x.shape, shape) ? x : emit("reshape", [x], { shape });
}

/** Axis i of the result is axis `permutation[i]` of x. */
export function transpose(x: Variable, permutation: readonly number[]): Variable {
  return permutation.length === x.shape.length && permutation.every((from, to) => from === to)
    ? x
    : emit("transpose", [x], { permutation });
}

/** Repeats axes of length 1 up to `shape`, which has x's rank. Elementwise operations and matmul do so by themselves. */
export function broadcast(x: Variable, shape: Shape): Variable {
  return sameShape(x.shape, shape) ? x : emit("broadcast", [x], { shape });
}

export interface ReduceOptions {
  /** Keep reduced axes with length 1, so that the result broadcasts against x. Default false. */
  readonly keep?: boolean;
}

/** Sum over `axes` (negative ones count from the end). */
export function sum(x: Variable, axes: readonly number[], options: ReduceOptions = {}): Variable {
  return reduce("sum", x, axes, options);
}

/** Mean over `axes`. */
export function mean(x: Variable, axes: readonly number[], options: ReduceOptions = {}): Variable {
  const count = sizeOf(normalizeAxes("mean", axes, x.shape.length).map((axis) => x.shape[axis]!));
  return scale(sum(x, axes, options), 1 / count);
}

/** Maximum over `axes`. Where several elements attain it, its derivative is shared among them equally. */
export function max(x: Variable, axes: readonly number[], options: ReduceOptions = {}): Variable {
  return reduce("max", x, axes, options);
}

function reduce(name: "sum" | "max", x: Variable, axes: readonly number[], { keep = false }: ReduceOptions): Variable {
  const normal = normalizeAxes(name, axes, x.shape.length);
  const kept = normal.length === 0 ? x : emit(name, [x], { axes: normal });
  return keep ? kept : reshape(kept, droppedShape(x.shape, normal));
}

/** Sums x over the axes that were broadcast from `shape`: the transpose of a broadcast. */
export function sumTo(x: Variable, shape: Shape): Variable {
  const axes = broadcastAxes(shape, x.shape);
  const result = sum(x, axes, { keep: true });
  if (!sameShape(result.shape, shape))
    throw new Error(`sumTo: ${formatShape(x.shape)} is no broadcast of ${formatShape(shape)}`);
  return result;
}

export interface SliceOptions {
  readonly starts: readonly number[];
  /** Exclusive. */
  readonly limits: readonly number[];
  /** Default 1. */
  readonly strides?: readonly number[];
}

/** Elements `starts, starts + strides, … < limits`, one number an axis. */
export function slice(x: Variable, { starts, limits, strides = x.shape.map(() => 1) }: SliceOptions): Variable {
  const whole =
    starts.every((start) => start === 0) && sameShape(limits, x.shape) && strides.every((stride) => stride === 1);
  return whole ? x : emit("slice", [x], { starts, limits, strides });
}

/** Elements `start ≤ index < limit` of one axis. */
export function sliceAxis(x: Variable, axis: number, start: number, limit: number): Variable {
  const along = normalizeAxis("slice", axis, x.shape.length);
  return slice(x, {
    starts: x.shape.map((_, i) => (i === along ? start : 0)),
    limits: x.shape.map((extent, i) => (i === along ? limit : extent)),
  });
}

/** Joins along `axis`. */
export function concat(xs: readonly Variable[], axis: number): Variable {
  const [first] = xs;
  if (first === undefined) throw new Error("concat: nothing to join");
  return xs.length === 1 ? first : emit("concat", xs, { axis: normalizeAxis("concat", axis, first.shape.length) });
}

export interface PadOptions {
  /** Zeros before; negative crops. */
  readonly low: readonly number[];
  /** Zeros after; negative crops. */
  readonly high: readonly number[];
  /** Zeros between neighbours. Default 0. */
  readonly interior?: readonly number[];
}

/** Zeros around and between elements, one number an axis. */
export function pad(x: Variable, { low, high, interior = x.shape.map(() => 0) }: PadOptions): Variable {
  const nothing = [low, high, interior].every((counts) => counts.every((count) => count === 0));
  return nothing && low.length === x.shape.length ? x : emit("pad", [x], { low, high, interior });
}

export interface Conv2dOptions {
  /** Rows and columns. Default 1. */
  readonly strides?: Pair;
  /** `[[top, bottom], [left, right]]`. Default none. */
  readonly padding?: readonly [Pair, Pair];
  /** m of the blocked layout `[R, B, C, H, W·m]`. Default 1. */
  readonly interleave?: number;
}

/**
 * Convolution (cross-correlation, as networks use it) of images x `[R, B, C, H, W·m]` with filters w `[R, O, C, kh, kw]`
 * to `[R, B, O, H′, W′·m]`. The layout holds B·m images, m of them interleaved innermost; a replica axis of length 1
 * broadcasts.
 */
export function conv2d(x: Variable, w: Variable, options: Conv2dOptions = {}): Variable {
  return emit("conv2d", [x, w], conv2dParams(options));
}

/** The cotangent of conv2d's images: g `[R, B, O, H′, W′·m]`, w `[R, O, C, kh, kw]` → `[R, B, C, H, W·m]`. */
export function conv2dInputGradient(
  g: Variable,
  w: Variable,
  options: Conv2dOptions & { /** H and W. */ readonly inputSize: Pair },
): Variable {
  return emit("conv2dInputGradient", [g, w], { ...conv2dParams(options), inputSize: options.inputSize });
}

/** The cotangent of conv2d's filters: x `[R, B, C, H, W·m]`, g `[R, B, O, H′, W′·m]` → `[R, O, C, kh, kw]`. */
export function conv2dFilterGradient(
  x: Variable,
  g: Variable,
  options: Conv2dOptions & { /** kh and kw. */ readonly kernelSize: Pair },
): Variable {
  return emit("conv2dFilterGradient", [x, g], { ...conv2dParams(options), kernelSize: options.kernelSize });
}

function conv2dParams(options: Conv2dOptions): Conv2dParams {
  return {
    strides: options.strides ?? [1, 1],
    padding: options.padding ?? [
      [0, 0],
      [0, 0],
    ],
    interleave: options.interleave ?? 1,
  };
}
