import type { DType, Shape, Tensor } from "./tensor.ts";

/** Two numbers, one for rows (height) and one for columns (width). */
export type Pair = readonly [number, number];

/** Static parameters of elementwise primitives that have none. */
export type NoParams = Readonly<Record<string, never>>;

export interface ReduceParams {
  /** Ascending and distinct. The primitive keeps reduced axes with length 1; `ops.ts` drops them by a reshape. */
  readonly axes: readonly number[];
}

export interface SliceParams {
  readonly starts: readonly number[];
  /** Exclusive. */
  readonly limits: readonly number[];
  readonly strides: readonly number[];
}

export interface PadParams {
  /** Zeros before, after and between elements, one number an axis. Negative `low` and `high` crop. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly interior: readonly number[];
}

export interface MatmulParams {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

export interface Conv2dParams {
  readonly strides: Pair;
  /** `[[top, bottom], [left, right]]` rows and columns of zeros around the image. */
  readonly padding: readonly [Pair, Pair];
  /** m of the blocked image layout `[R, B, C, H, W·m]`: images interleaved innermost. 1 is NCHW. */
  readonly interleave: number;
}

/** What each primitive's static parameters are: plain JSON, but for the data of `constant`. */
export interface PrimitiveParams {
  add: NoParams;
  sub: NoParams;
  mul: NoParams;
  div: NoParams;
  scale: { readonly factor: number };
  addScalar: { readonly value: number };
  exp: NoParams;
  log: NoParams;
  sqrt: NoParams;
  rsqrt: NoParams;
  reciprocal: NoParams;
  tanh: NoParams;
  relu: NoParams;
  step: NoParams;
  select: NoParams;
  cast: { readonly dtype: DType };
  stopGradient: NoParams;
  fill: { readonly shape: Shape; readonly value: number; readonly dtype: DType };
  constant: { readonly tensor: Tensor };
  matmul: MatmulParams;
  reshape: { readonly shape: Shape };
  transpose: { readonly permutation: readonly number[] };
  broadcast: { readonly shape: Shape };
  sum: ReduceParams;
  max: ReduceParams;
  slice: SliceParams;
  concat: { readonly axis: number };
  pad: PadParams;
  conv2d: Conv2dParams;
  conv2dInputGradient: Conv2dParams & { /** Height and width of the image. */ readonly inputSize: Pair };
  conv2dFilterGradient: Conv2dParams & { readonly kernelSize: Pair };
}

export type PrimitiveName = keyof PrimitiveParams;
