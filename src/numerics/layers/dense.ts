import { add, matmul, reshape } from "../../programs/ops.ts";
import { affineParameters, type Layer } from "./layer.ts";

export interface DenseOptions {
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * y = W·x + b: x `[R or 1, in, N]`, W `[R, out, in]`, b `[R, out]`. R replicas on shared samples are one product
 * `[R·out, in]·[in, N]`.
 */
export function dense(name: string, inputs: number, outputs: number, { bias = true }: DenseOptions = {}): Layer {
  return {
    name,
    parameters: affineParameters(name, [outputs, inputs], bias),
    outputShape(input) {
      if (input.length !== 1 || input[0] !== inputs)
        throw new Error(`${name} takes ${inputs} features, the layer before gives [${input.join(",")}]`);
      return [outputs];
    },
    apply(x, [w, b]) {
      const product = matmul(w!, x); // [R, out, N]
      return b === undefined ? product : add(product, reshape(b, [...b.shape, 1]));
    },
  };
}
