import { createVariable } from "./emit.ts";
import type { Program } from "./program.ts";
import type { Variable } from "./variable.ts";

/** The program in another float type: every f32 or f64 value becomes `float`; bytes stay bytes. */
export function withFloat(program: Program, float: "f32" | "f64"): Program {
  const renamed = new Map<Variable, Variable>();
  const retype = (variable: Variable): Variable => {
    const known = renamed.get(variable);
    if (known !== undefined) return known;
    const fresh = createVariable({ shape: variable.shape, dtype: variable.dtype === "u8" ? "u8" : float });
    renamed.set(variable, fresh);
    return fresh;
  };
  return {
    ...program,
    inputs: program.inputs.map(retype),
    equations: program.equations.map(({ primitive, params, inputs, output }) => ({
      primitive,
      params: primitive.retype === undefined ? params : primitive.retype(params, float),
      inputs: inputs.map(retype),
      output: retype(output),
    })),
    outputs: program.outputs.map(retype),
  };
}
