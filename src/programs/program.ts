import type { Primitive } from "./primitive.ts";
import type { Variable } from "./variable.ts";

/** `output = primitive(inputs; params)`. Every primitive has exactly one output. */
export interface Equation {
  // Each equation carries its own parameter type; the primitive that made it is the only one to read it.
  // biome-ignore lint/suspicious/noExplicitAny: the parameter type is existential here
  readonly primitive: Primitive<any>;
  readonly params: unknown;
  readonly inputs: readonly Variable[];
  readonly output: Variable;
}

/**
 * A directed acyclic graph of primitives with static shapes, in topological order.
 * It is plain data: transforms read a program and return a program, runtimes compile one.
 */
export interface Program {
  readonly inputs: readonly Variable[];
  readonly equations: readonly Equation[];
  readonly outputs: readonly Variable[];
  /** Names for printing and for the runtime's graph, one for each input and output. */
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
}
