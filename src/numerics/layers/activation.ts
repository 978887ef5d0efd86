import { relu, tanh } from "../../programs/ops.ts";
import type { Layer } from "./layer.ts";

export type Activation = "relu" | "tanh";

const FUNCTIONS = { relu, tanh } as const;

/** An elementwise function; ReLU′(0) = 0. */
export function activation(name: string, kind: Activation): Layer {
  return { name, parameters: [], outputShape: (input) => input, apply: (x) => FUNCTIONS[kind](x) };
}
