import type { Shape } from "../../programs/tensor.ts";
import type { Variable } from "../../programs/variable.ts";

/** How a tensor of parameters starts. LeCun normal: truncated at ±2σ, variance 1/fanIn (PROTOCOL A.0). */
export type Initialisation =
  | { readonly kind: "lecun-normal"; readonly fanIn: number }
  | { readonly kind: "constant"; readonly value: number };

export interface ParameterTensor {
  readonly name: string;
  /** Without the replica axis, e.g. `[out, in]`. */
  readonly shape: Shape;
  readonly initialisation: Initialisation;
}

/** The parameters of an affine map: `weight`, whose axes behind the first are summed over, and a `bias` for each output, where there is one. */
export function affineParameters(name: string, weight: Shape, bias: boolean): readonly ParameterTensor[] {
  const [outputs, ...summed] = weight;
  const fanIn = summed.reduce((product, extent) => product * extent, 1);
  const kernel: ParameterTensor = {
    name: `${name}.weight`,
    shape: weight,
    initialisation: { kind: "lecun-normal", fanIn },
  };
  const offset: ParameterTensor = {
    name: `${name}.bias`,
    shape: [outputs!],
    initialisation: { kind: "constant", value: 0 },
  };
  return bias ? [kernel, offset] : [kernel];
}

/**
 * One layer: parameters and a function of symbolic tensors. The replica axis comes first: parameters are `[R, …shape]`,
 * activations `[R or 1, features, N]` in dense layers (features are rows, samples are columns). A leading 1 is shared by
 * all replicas.
 */
export interface Layer {
  readonly name: string;
  readonly parameters: readonly ParameterTensor[];
  /** Features of the output for features of the input, without replica and sample axes. Throws where they do not fit. */
  outputShape(input: Shape): Shape;
  apply(x: Variable, parameters: readonly Variable[]): Variable;
}
