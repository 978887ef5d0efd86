import { evaluate } from "../programs/evaluate.ts";
import type { Program } from "../programs/program.ts";
import type { Tensor } from "../programs/tensor.ts";
import { isHostDeviceTensor, wrapHost } from "./host-tensor.ts";
import type { DeviceTensor, Executable, Runtime } from "./runtime.ts";

export const REFERENCE_VERSIONS: Readonly<Record<string, string>> = { reference: "float64" };

/**
 * The float64 evaluation behind the runtimes' interface: slow and obvious, the twin that the others are tested against.
 * It takes tensors of any dtype, and its outputs are f64 whatever the program says.
 */
export function openReference(): Runtime {
  return {
    name: "reference",
    device: "reference:cpu",
    versions: REFERENCE_VERSIONS,
    unitRoundoff: 2 ** -53,
    compile: async (program) => executable(program),
    upload: async (tensor) => wrapHost(tensor),
    dispose: async () => {},
  };
}

function executable(program: Program): Executable {
  const run = async (inputs: readonly (Tensor | DeviceTensor)[]): Promise<Tensor[]> =>
    evaluate(program, inputs.map(hostOf));
  return {
    program,
    run,
    runOnDevice: async (inputs) => (await run(inputs)).map(wrapHost),
    dispose: async () => {},
  };
}

function hostOf(value: Tensor | DeviceTensor): Tensor {
  if (isHostDeviceTensor(value)) return value.host;
  if ("read" in value) throw new Error("this device tensor belongs to another runtime");
  return value;
}
