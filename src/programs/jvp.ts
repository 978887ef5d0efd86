import { apply } from "./emit.ts";
import { differentiableInput } from "./grad.ts";
import { broadcast, zeros } from "./ops.ts";
import type { Program } from "./program.ts";
import { formatShape, sameShape } from "./shapes.ts";
import { recordSimplified } from "./simplify.ts";
import type { Aval, Shape } from "./tensor.ts";
import { bindInputs, inputsOf, type ProgramInput } from "./trace.ts";
import type { Variable } from "./variable.ts";

export interface JvpOptions {
  /** Indices of the inputs to differentiate by. */
  readonly wrt: readonly number[];
  /**
   * Tangents a call, on the leading axis of inputs whose leading axis has length 1: the primal pass is then computed once
   * and shared. Tangent outputs have that leading axis too. Default: tangents have their input's shape.
   */
  readonly tangents?: number;
}

/**
 * Forward mode. Inputs: the program's, followed by one tangent `d.INPUT` for each of `wrt`. Outputs: the program's,
 * followed by their tangents `d.OUTPUT`. Simplified. `jvp(grad(L))` is the Hessian-vector product.
 */
export function jvp(program: Program, options: JvpOptions): Program {
  return recordSimplified([...inputsOf(program), ...tangentInputs(program, options)], (variables) => {
    const inputs = variables.slice(0, program.inputs.length);
    const { primals, tangents } = pushForward(program, inputs, variables.slice(program.inputs.length), options);
    return {
      outputs: [...primals, ...tangents],
      outputNames: [...program.outputNames, ...program.outputNames.map(tangentName)],
    };
  });
}

export const tangentName = (name: string): string => `d.${name}`;

/** Names and abstract values of the tangents that `wrt` asks for. */
export function tangentInputs(program: Program, { wrt, tangents }: JvpOptions): ProgramInput[] {
  return wrt.map((index) => {
    const { dtype, shape } = differentiableInput("jvp", program, program.inputs, index);
    return { name: tangentName(program.inputNames[index]!), aval: { dtype, shape: tangentShape(shape, tangents) } };
  });
}

function tangentShape(shape: Shape, tangents: number | undefined): Shape {
  if (tangents === undefined) return shape;
  if (shape[0] !== 1)
    throw new Error(`jvp: ${tangents} tangents need a leading axis of length 1, and an input is ${formatShape(shape)}`);
  return [tangents, ...shape.slice(1)];
}

export interface PushedForward {
  readonly primals: readonly Variable[];
  readonly tangents: readonly Variable[];
}

/** Records the program and its tangents in the current trace. */
export function pushForward(
  program: Program,
  inputs: readonly Variable[],
  given: readonly Variable[],
  { wrt, tangents: count }: JvpOptions,
): PushedForward {
  const primal = bindInputs(program, inputs);
  const tangents = new Map<Variable, Variable>();
  wrt.forEach((index, i) => {
    tangents.set(program.inputs[index]!, given[i]!);
  });
  for (const { primitive, params, inputs: operands, output } of program.equations) {
    const values = operands.map((operand) => primal.get(operand)!);
    const value = apply(primitive, values, params);
    primal.set(output, value);
    if (primitive.nondifferentiable || output.dtype === "u8") continue;
    const directions = operands.map((operand) => tangents.get(operand));
    if (directions.every((direction) => direction === undefined)) continue;
    const tangent = primitive.jvp(directions, values, value, params);
    if (tangent === undefined) continue;
    checkTangent(primitive.name, tangent, output, count);
    tangents.set(output, tangent);
  }
  return {
    primals: program.outputs.map((output) => primal.get(output)!),
    tangents: program.outputs.map((output) => {
      const shape = count !== undefined && output.shape[0] === 1 ? [count, ...output.shape.slice(1)] : output.shape;
      const tangent = tangents.get(output) ?? zeros(shape, output.dtype);
      return sameShape(tangent.shape, shape) ? tangent : broadcast(tangent, shape);
    }),
  };
}

function checkTangent(name: string, tangent: Aval, output: Aval, count: number | undefined): void {
  const fits = (shape: Shape): boolean => sameShape(tangent.shape, shape);
  if (fits(output.shape)) return;
  if (count !== undefined && output.shape[0] === 1 && fits([count, ...output.shape.slice(1)])) return;
  throw new Error(
    `jvp of ${name}: a tangent ${formatShape(tangent.shape)} of a value ${formatShape(output.shape)}` +
      (count === undefined ? "" : `; ${count} tangents need programs that leave the leading axis alone`),
  );
}
