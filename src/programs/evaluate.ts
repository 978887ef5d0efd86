import { checkCount } from "./inputs.ts";
import { lastUses } from "./last-uses.ts";
import type { Program } from "./program.ts";
import { formatAval, formatShape, sameShape } from "./shapes.ts";
import { sizeOf, type Tensor } from "./tensor.ts";
import type { Variable } from "./variable.ts";

/**
 * Computes a program in float64 on the host, equation by equation: the twin that every runtime is tested against.
 * Inputs of any dtype; outputs are f64 whatever the program says. Throws on inputs of another shape.
 */
export function evaluate(program: Program, inputs: readonly Tensor[]): Tensor[] {
  checkCount(program, inputs);
  const values = new Map<Variable, Tensor>();
  program.inputs.forEach((variable, i) => {
    const given = inputs[i]!;
    if (!sameShape(given.shape, variable.shape))
      throw new Error(
        `input ${program.inputNames[i]} is ${formatAval(variable)}, was given ${formatShape(given.shape)}`,
      );
    values.set(variable, toFloat64(given));
  });
  const frees = lastUses(program);
  program.equations.forEach(({ primitive, params, inputs: operands, output }, i) => {
    const tensors = operands.map((operand) => values.get(operand)!);
    values.set(output, toFloat64(primitive.evaluate(tensors, params, output)));
    for (const variable of frees[i]!) values.delete(variable);
  });
  return program.outputs.map((output) => values.get(output)!);
}

/** A tensor as float64, shared where it is already. Throws where the data does not fill the shape. */
export function toFloat64(tensor: Tensor): Tensor {
  const { shape, data } = tensor;
  if (data.length !== sizeOf(shape))
    throw new Error(`${data.length} elements do not fill a tensor of shape ${formatShape(shape)}`);
  return data instanceof Float64Array
    ? { dtype: "f64", shape, data }
    : { dtype: "f64", shape, data: new Float64Array(data) };
}
