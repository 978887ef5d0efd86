import type { Equation, Program } from "./program.ts";
import { formatAval } from "./shapes.ts";
import type { Variable } from "./variable.ts";

/**
 * A program as text, one line an equation, for its authors to read:
 *
 *     program(x:f32[2,3], y:f32[1,3])
 *       a:f32[2,3] = add x y
 *       b:f32[2,1] = sum[axes=1] a
 *       return total=b
 */
export function print(program: Program): string {
  const names = new Map<Variable, string>();
  program.inputs.forEach((input, i) => {
    names.set(input, program.inputNames[i]!);
  });
  const taken = new Set(program.inputNames);
  let counter = 0;
  const nextName = (): string => {
    for (;;) {
      const name = letters(counter);
      counter += 1;
      if (!taken.has(name)) return name;
    }
  };
  const signature = program.inputs.map((input) => `${names.get(input)}:${formatAval(input)}`).join(", ");
  const lines = program.equations.map((equation) => {
    const name = nextName();
    names.set(equation.output, name);
    const operands = equation.inputs.map((input) => ` ${names.get(input)}`).join("");
    return `  ${name}:${formatAval(equation.output)} = ${formatOperation(equation)}${operands}`;
  });
  const outputs = program.outputs.map((output, i) => `${program.outputNames[i]}=${names.get(output)}`);
  return `${[`program(${signature})`, ...lines, `  return ${outputs.join(", ")}`].join("\n")}\n`;
}

function formatOperation({ primitive, params }: Equation): string {
  const described = primitive.describe?.(params) ?? "";
  return described === "" ? primitive.name : `${primitive.name}[${described}]`;
}

/** a … z, aa, ab … */
function letters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}
