import type { OnnxBuilder, OnnxValue } from "../../programs/lowering.ts";
import type { Program, Variable } from "../../programs/program.ts";
import type { Aval } from "../../programs/tensor.ts";
import { createBuilder } from "./builder.ts";
import type { OnnxModel } from "./model.ts";

/** A program as an ONNX model for one execution provider; the model's ports are in the program's order. */
export function lowerProgram(program: Program, device: OnnxBuilder["device"]): OnnxModel {
  const builder = createBuilder(device);
  const values = new Map<Variable, OnnxValue>();
  program.inputs.forEach((variable, i) => {
    values.set(variable, builder.input(program.inputNames[i] ?? `input_${i}`, portAval(variable, device)));
  });
  for (const { primitive, inputs, params, output } of program.equations) {
    const operands = inputs.map((variable) => values.get(variable)!);
    values.set(output, primitive.onnx(builder, operands, params, output));
  }
  const outputs = program.outputs.map((variable, i) => ({
    name: program.outputNames[i] ?? `output_${i}`,
    value: values.get(variable)!,
  }));
  return builder.finish("program", outputs);
}

/**
 * How a program's input or output crosses the session's border. WebGPU has no 8-bit type: bytes go there as float32,
 * which holds them exactly, and a cast to float becomes the identity.
 */
export function portAval(aval: Aval, device: OnnxBuilder["device"]): Aval {
  return { dtype: device === "webgpu" && aval.dtype === "u8" ? "f32" : aval.dtype, shape: aval.shape };
}
