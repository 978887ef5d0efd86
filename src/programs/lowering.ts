import type * as tfjs from "@tensorflow/tfjs-core";
import type { Aval, Tensor } from "./tensor.ts";

/** A value of the ONNX graph under construction, with the abstract value it stands for. */
export interface OnnxValue {
  readonly name: string;
  readonly aval: Aval;
}

export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** Besides the default one. */
export type OnnxDomain = "com.microsoft" | "com.microsoft.nchwc";

/**
 * What a primitive's ONNX lowering may do: add nodes and constants. Opset 21 of the default domain, plus the others where
 * the device has them. A node that is there already is not added again. Integers in attributes are int64; `{ float }` marks a float.
 */
export interface OnnxBuilder {
  /** The execution provider: lowerings differ where one is faster or lacks an operator. */
  readonly device: "cpu" | "webgpu" | "cuda";
  /**
   * How many channels lie side by side where the provider convolves channel by channel (domain com.microsoft.nchwc: MLAS's
   * kernels for its vector registers); 1 where it has no such kernels.
   */
  readonly channelBlock: number;
  node(
    op: string,
    inputs: readonly (OnnxValue | undefined)[],
    output: Aval,
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    domain?: OnnxDomain,
  ): OnnxValue;
  /** A float or byte initializer; equal ones are shared. */
  constant(tensor: Tensor): OnnxValue;
  /** An int64 vector initializer (shapes, axes, pads). */
  int64(values: readonly number[]): OnnxValue;
}

/** What a primitive's TensorFlow lowering may use: the op set of tfjs, handed in so that no stage imports it. */
export type TensorflowOps = typeof tfjs;
export type TensorflowValue = tfjs.Tensor;
