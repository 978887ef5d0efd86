/** Element types of a program's values. Float programs are traced in `f32` (the paper's precision) or `f64`. */
export type DType = "f32" | "f64" | "u8";

export type Shape = readonly number[];

export type TensorData = Float32Array | Float64Array | Uint8Array;

/** A dense row-major tensor on the host. `data.length` is the product of `shape` (1 for a scalar, shape `[]`). */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TensorData;
}

/** What is known of a value before it is computed ("abstract value"). */
export interface Aval {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** The number of elements of a tensor of this shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
