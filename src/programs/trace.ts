import { apply, createVariable, type Rewrite, type Trace, withTrace } from "./emit.ts";
import { checkCount } from "./inputs.ts";
import { primitiveTable } from "./primitives/index.ts";
import type { Program } from "./program.ts";
import { formatAval, sameShape } from "./shapes.ts";
import type { Aval } from "./tensor.ts";
import type { Variable } from "./variable.ts";

export interface ProgramInput {
  readonly name: string;
  readonly aval: Aval;
}

/**
 * Records what `fn` does to symbolic inputs as a program. Shapes and dtypes are static: trace again for others.
 * Throws on operands that do not fit, naming their shapes.
 */
export function trace(
  fn: (...inputs: Variable[]) => readonly Variable[],
  inputs: readonly ProgramInput[],
  outputNames: readonly string[],
): Program {
  return record(inputs, (variables) => ({ outputs: fn(...variables), outputNames }));
}

/** Calls a program inside a trace: its equations are copied here, on these inputs. */
export function inline(program: Program, inputs: readonly Variable[]): readonly Variable[] {
  const values = replay(program, inputs);
  return program.outputs.map((output) => values.get(output)!);
}

/** `inline`, with the new variable of every variable of the program. */
export function replay(program: Program, inputs: readonly Variable[]): Map<Variable, Variable> {
  const values = bindInputs(program, inputs);
  for (const { primitive, params, inputs: operands, output } of program.equations)
    values.set(
      output,
      apply(
        primitive,
        operands.map((operand) => values.get(operand)!),
        params,
      ),
    );
  return values;
}

/** Checks that `inputs` fit the program and pairs them with its own. */
export function bindInputs(program: Program, inputs: readonly Variable[]): Map<Variable, Variable> {
  checkCount(program, inputs);
  const values = new Map<Variable, Variable>();
  program.inputs.forEach((input, i) => {
    const given = inputs[i]!;
    if (given.dtype !== input.dtype || !sameShape(given.shape, input.shape))
      throw new Error(`input ${program.inputNames[i]} is ${formatAval(input)}, was given ${formatAval(given)}`);
    values.set(input, given);
  });
  return values;
}

/** A program's inputs, to make another with the same ones. */
export function inputsOf(program: Program): ProgramInput[] {
  return program.inputs.map((aval, i) => ({ name: program.inputNames[i]!, aval }));
}

export interface Recorded {
  readonly outputs: readonly Variable[];
  readonly outputNames: readonly string[];
}

/** What `trace` and the transforms share: opens a trace with fresh inputs, runs `body` in it, closes it. */
export function record(
  inputs: readonly ProgramInput[],
  body: (inputs: readonly Variable[], current: Trace) => Recorded,
  rewrite?: Rewrite,
): Program {
  const variables = inputs.map(({ aval }) => createVariable(aval));
  const current: Trace = {
    primitives: primitiveTable,
    inputs: variables,
    equations: [],
    definitions: new Map(variables.map((variable) => [variable, undefined])),
    rewrite,
  };
  const { outputs, outputNames } = withTrace(current, () => body(variables, current));
  if (outputs.length !== outputNames.length)
    throw new Error(
      `a program has ${outputs.length} outputs and ${outputNames.length} names (${outputNames.join(", ")})`,
    );
  outputs.forEach((output, i) => {
    if (!current.definitions.has(output)) throw new Error(`output ${outputNames[i]} belongs to another trace`);
  });
  return {
    inputs: variables,
    equations: current.equations,
    outputs,
    inputNames: inputs.map(({ name }) => name),
    outputNames,
  };
}
