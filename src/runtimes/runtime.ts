import type { Program } from "../programs/program.ts";
import type { Aval, Tensor } from "../programs/tensor.ts";

export type RuntimeName = "onnx" | "tensorflow" | "reference";

/** Which runtime on which device, in full: `onnx:cpu`, `onnx:webgpu`, `tensorflow:cpu`, `tensorflow:cuda`, `reference:cpu`. */
export type DeviceName = `${RuntimeName}:${"cpu" | "webgpu" | "cuda"}`;

/** A tensor that lives where the runtime computes. On CPU devices it wraps the host's array without a copy. */
export interface DeviceTensor extends Aval {
  /** Copies to the host. */
  read(): Promise<Tensor>;
  dispose(): void;
}

export interface Executable {
  readonly program: Program;
  /**
   * Computes the outputs, in the program's order. Inputs may mix host and device tensors and must not be changed
   * before the promise resolves. Outputs are host tensors.
   */
  run(inputs: readonly (Tensor | DeviceTensor)[]): Promise<Tensor[]>;
  /** Like `run`, but the outputs stay on the device (residuals of a linearized program, chained steps). */
  runOnDevice(inputs: readonly (Tensor | DeviceTensor)[]): Promise<DeviceTensor[]>;
  dispose(): Promise<void>;
}

/**
 * Somewhere programs run. Opened by `openRuntime` (`runtimes/open.ts`), which imports the package of the one that is
 * wanted and no other.
 */
export interface Runtime {
  readonly name: RuntimeName;
  readonly device: DeviceName;
  /** Of packages and native libraries: part of keys and provenance. */
  readonly versions: Readonly<Record<string, string>>;
  /** Unit roundoff of the arithmetic: 2⁻²⁴ for float32, 2⁻⁵³ for float64. Tests derive tolerances from it. */
  readonly unitRoundoff: number;
  compile(program: Program): Promise<Executable>;
  upload(tensor: Tensor): Promise<DeviceTensor>;
  dispose(): Promise<void>;
}

/** An expected failure: what was wanted is not here, and how to get it. */
export interface RuntimeUnavailable {
  readonly reason: "runtime-unavailable";
  readonly message: string;
  readonly remedy: string;
}
