import type { OnnxBuilder, OnnxValue } from "../../programs/lowering.ts";
import type { Program } from "../../programs/program.ts";
import type { Aval } from "../../programs/tensor.ts";
import type { Variable } from "../../programs/variable.ts";
import { createBuilder } from "./builder.ts";
import { createFusions } from "./fuse.ts";
import type { OnnxModel } from "./model.ts";

/**
 * A program as an ONNX model for one execution provider; the model's ports are in the program's order. `channelBlock`: as the
 * builder's.
 */
export function lowerProgram(program: Program, device: OnnxBuilder["device"], channelBlock = 1): OnnxModel {
  const builder = createBuilder(device, channelBlock);
  const values = new Map<Variable, OnnxValue>();
  program.inputs.forEach((variable, i) => {
    values.set(variable, builder.input(program.inputNames[i] ?? `input_${i}`, portAval(variable, device)));
  });
  const fusions = createFusions(builder, program, (variable) => values.get(variable)!);
  for (const equation of program.equations) {
    const { primitive, inputs, params, output } = equation;
    let lowered: OnnxValue | undefined;
    for (const fusion of fusions) lowered ??= fusion(equation);
    const operands = inputs.map((variable) => values.get(variable)!);
    // What a fusion went past is lowered all the same: the builder drops nodes that nothing reads.
    values.set(output, lowered ?? primitive.onnx(builder, operands, params, output));
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
