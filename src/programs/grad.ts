import { addAll } from "./accumulate.ts";
import { ones, zeros } from "./ops.ts";
import type { Equation, Program } from "./program.ts";
import { formatAval } from "./shapes.ts";
import { recordSimplified } from "./simplify.ts";
import { inline, inputsOf } from "./trace.ts";
import type { Variable } from "./variable.ts";

export interface GradOptions {
  /** Which output is differentiated. Default 0. Where it is not a scalar (one loss a replica) it is summed. */
  readonly output?: number;
  /** Indices of the inputs to differentiate by. */
  readonly wrt: readonly number[];
}

/**
 * Reverse mode. The result has the program's inputs; its outputs are the program's, followed by the gradient of the sum
 * of output `output` by each input of `wrt`, named `grad.INPUT`. Simplified. Replicas do not mix, so the sum of `[R]`
 * losses gives each replica its own gradient.
 */
export function grad(program: Program, { output = 0, wrt }: GradOptions): Program {
  const target = program.outputs[output];
  if (target === undefined) throw new Error(`grad: the program has no output ${output}`);
  if (target.dtype === "u8") throw new Error(`grad: output ${program.outputNames[output]} is ${formatAval(target)}`);
  return recordSimplified(inputsOf(program), (inputs, current) => {
    const outputs = inline(program, inputs);
    const variables = wrt.map((index) => differentiableInput("grad", program, inputs, index));
    // A snapshot: the pass below adds equations behind it.
    const forward = [...current.equations];
    const gradients = pullBack(forward, outputs[output]!, variables);
    return {
      outputs: [...outputs, ...gradients],
      outputNames: [...program.outputNames, ...wrt.map((index) => `grad.${program.inputNames[index]}`)],
    };
  });
}

/** The input `index`, if one can differentiate by it. */
export function differentiableInput(
  what: string,
  program: Program,
  inputs: readonly Variable[],
  index: number,
): Variable {
  const input = inputs[index];
  if (input === undefined) throw new Error(`${what}: the program has no input ${index}`);
  if (input.dtype === "u8") throw new Error(`${what}: input ${program.inputNames[index]} is ${formatAval(input)}`);
  return input;
}

function pullBack(forward: readonly Equation[], target: Variable, wrt: readonly Variable[]): readonly Variable[] {
  const active = new Set<Variable>(wrt);
  for (const { primitive, inputs, output } of forward)
    if (!primitive.nondifferentiable && output.dtype !== "u8" && inputs.some((input) => active.has(input)))
      active.add(output);

  const cotangents = new Map<Variable, Variable[]>();
  if (active.has(target)) cotangents.set(target, [ones(target.shape, target.dtype)]);
  for (let i = forward.length - 1; i >= 0; i--) {
    const { primitive, params, inputs, output } = forward[i]!;
    const terms = cotangents.get(output);
    if (terms === undefined) continue;
    const wanted = inputs.map((input) => active.has(input));
    const pulled = primitive.vjp(addAll(terms), inputs, output, params, wanted);
    inputs.forEach((input, k) => {
      const cotangent = pulled[k];
      if (cotangent === undefined || !wanted[k]) return;
      const known = cotangents.get(input);
      if (known === undefined) cotangents.set(input, [cotangent]);
      else known.push(cotangent);
    });
  }
  return wrt.map((input) => {
    const terms = cotangents.get(input);
    return terms === undefined ? zeros(input.shape, input.dtype) : addAll(terms);
  });
}
