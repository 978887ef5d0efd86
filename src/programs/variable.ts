import type { Aval } from "./tensor.ts";

/** One value of a program: a program input or the output of one equation. Identity is by object. */
export interface Variable extends Aval {
  readonly id: number;
}
