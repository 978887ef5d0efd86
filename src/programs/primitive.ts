import type { OnnxBuilder, OnnxValue, TensorflowOps, TensorflowValue } from "./lowering.ts";
import type { Aval, Tensor } from "./tensor.ts";
import type { Variable } from "./variable.ts";

/**
 * One primitive with all its rules side by side (one file of `primitives/` holds one, or one family).
 * `P` is the type of its static parameters, plain JSON so that programs can be printed and compared.
 *
 * Derivative rules build equations with the ops of `ops.ts`, so they can be differentiated again.
 */
export interface Primitive<P> {
  readonly name: string;
  /** Shape rule. Throws (a bug in the caller) on inputs that do not fit, naming the shapes. */
  aval(inputs: readonly Aval[], params: P): Aval;
  /**
   * Tangent of the output, for tangents of the inputs; `undefined` is a symbolic zero, also as the answer.
   * Must be linear in the tangents.
   */
  jvp(
    tangents: readonly (Variable | undefined)[],
    inputs: readonly Variable[],
    output: Variable,
    params: P,
  ): Variable | undefined;
  /**
   * Cotangents of the inputs for a cotangent of the output; `undefined` is a symbolic zero.
   * `wanted[i]` says whether input i's cotangent is needed: do not build what is not.
   */
  vjp(
    cotangent: Variable,
    inputs: readonly Variable[],
    output: Variable,
    params: P,
    wanted: readonly boolean[],
  ): readonly (Variable | undefined)[];
  /** Plain, slow and obvious evaluation in float64: the twin that every runtime is tested against. */
  evaluate(inputs: readonly Tensor[], params: P, output: Aval): Tensor;
  /** ONNX lowering. */
  onnx(builder: OnnxBuilder, inputs: readonly OnnxValue[], params: P, output: Aval): OnnxValue;
  /** TensorFlow lowering. */
  tensorflow(tf: TensorflowOps, inputs: readonly TensorflowValue[], params: P, output: Aval): TensorflowValue;
  /**
   * What the current trace should hold instead, built with the ops of `ops.ts`; `undefined` leaves the equation as it is.
   * The operands' definitions are at hand through `definedBy` of `emit.ts`. A rule must make the program smaller, so that
   * rewriting ends. Rules for all elementwise primitives (constants, broadcasts) are in `simplify.ts`.
   */
  simplify?(inputs: readonly Variable[], params: P): Variable | undefined;
  /** Elementwise with broadcasting: every output element depends on one element of each operand. */
  readonly elementwise?: true;
  /** The two operands may be exchanged. */
  readonly commutative?: true;
  /** The output is a constant of differentiation, whatever the inputs. */
  readonly nondifferentiable?: true;
  /** Cheap enough that a linearized program computes it again rather than store it. */
  readonly cheap?: true;
  /** The parameters with another float type, where they name one. */
  retype?(params: P, float: "f32" | "f64"): P;
  /** Equal keys mean equal parameters. Default: their JSON. */
  key?(params: P): string;
  /** Parameters as they are printed, e.g. `axes=[1]`; empty when there are none. */
  describe?(params: P): string;
  /** Sample inputs and parameters for the conformance suite, at least one: adding a primitive adds its tests. */
  readonly samples: readonly PrimitiveSample<P>[];
}

export interface PrimitiveSample<P> {
  readonly inputs: readonly Aval[];
  readonly params: P;
  /** Kinks and domains: draw inputs from this interval (default −1…1), e.g. positive for log. */
  readonly range?: readonly [number, number];
}
