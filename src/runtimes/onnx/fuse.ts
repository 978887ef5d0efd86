import type { OnnxBuilder, OnnxValue } from "../../programs/lowering.ts";
import type { Equation, Program, Variable } from "../../programs/program.ts";
import { createAffine } from "./fuse-affine.ts";
import { lowerSelection } from "./fuse-select.ts";
import { createSums } from "./fuse-sum.ts";

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

/**
 * Lowerings of several equations at once, for the CPU: its operators are bound by memory, so that one pass less over the
 * images is time saved. `value` lowers a variable on demand. They round as the single equations do where a replica's
 * numbers could depend on the number of replicas otherwise.
 */
export function createFusions(
  builder: OnnxBuilder,
  program: Program,
  value: (variable: Variable) => OnnxValue,
): readonly Fusion[] {
  if (builder.device !== "cpu") return [];
  const uses = usesOf(program);
  const affine = createAffine(builder, uses, value);
  const sums = createSums(builder, uses, value);
  return [(equation) => lowerSelection(builder, uses, value, equation), affine, sums];
}

function usesOf(program: Program): Uses {
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
