import type { OnnxValue } from "../../programs/lowering.ts";
import type { Equation, Program } from "../../programs/program.ts";
import type { Variable } from "../../programs/variable.ts";

/** What a fusion may look at: definitions, and how often a value is used. */
export interface Uses {
  /** The equation that made a value, if it is a `name`. */
  definition(variable: Variable, name: string): Equation | undefined;
  /** Whether nothing but one equation reads the value. */
  once(variable: Variable): boolean;
}

/**
 * Another lowering of an equation: it may go past its operands to theirs (which are then not lowered, if nothing else
 * needs them). `undefined` leaves the equation to its primitive.
 */
export type Fusion = (equation: Equation) => OnnxValue | undefined;

export function usesOf(program: Program): Uses {
  const definitions = new Map(program.equations.map((equation) => [equation.output, equation]));
  const counts = new Map<Variable, number>();
  const count = (variable: Variable): void => void counts.set(variable, (counts.get(variable) ?? 0) + 1);
  for (const { inputs } of program.equations) for (const input of inputs) count(input);
  for (const output of program.outputs) count(output);
  return {
    definition(variable, name) {
      const equation = definitions.get(variable);
      return equation?.primitive.name === name ? equation : undefined;
    },
    once: (variable) => counts.get(variable) === 1,
  };
}
