import type { Equation } from "../program.ts";
import { add, addScalar, div, mul, scale, sub } from "./arithmetic.ts";
import { cast, stopGradient } from "./cast.ts";
import { conv2d, conv2dFilterGradient, conv2dInputGradient } from "./conv2d.ts";
import { constant, fill } from "./fill.ts";
import { broadcast, reshape, transpose } from "./layout.ts";
import { matmul } from "./matmul.ts";
import { concat, pad, slice } from "./pieces.ts";
import { max, sum } from "./reduce.ts";
import { select } from "./select.ts";
import { exp, log, reciprocal, relu, rsqrt, sqrt, step, tanh } from "./unary.ts";

/** Every primitive there is. Suites walk this list and each one's `samples`. */
export const primitives: readonly Equation["primitive"][] = [
  add,
  sub,
  mul,
  div,
  scale,
  addScalar,
  exp,
  log,
  sqrt,
  rsqrt,
  reciprocal,
  tanh,
  relu,
  step,
  select,
  cast,
  stopGradient,
  fill,
  constant,
  matmul,
  reshape,
  transpose,
  broadcast,
  sum,
  max,
  slice,
  concat,
  pad,
  conv2d,
  conv2dInputGradient,
  conv2dFilterGradient,
];

export const primitiveTable: ReadonlyMap<string, Equation["primitive"]> = new Map(
  primitives.map((primitive) => [primitive.name, primitive]),
);
