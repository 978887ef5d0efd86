import util from "node:util";
import type * as tfjs from "@tensorflow/tfjs-core";
import { checkCount } from "../programs/inputs.ts";
import { lastUses } from "../programs/last-uses.ts";
import type { TensorflowOps, TensorflowValue } from "../programs/lowering.ts";
import type { Program } from "../programs/program.ts";
import type { Aval, Tensor } from "../programs/tensor.ts";
import type { Variable } from "../programs/variable.ts";
import { checkInput, isDeviceTensor } from "./host-tensor.ts";
import type { DeviceTensor, Executable, Runtime, RuntimeUnavailable } from "./runtime.ts";
import { findTensorflow, SETUP_TENSORFLOW, type TensorflowPackage, tensorflowVersions } from "./tensorflow-package.ts";
import { unavailable } from "./unavailable.ts";

/** The backend's own word, which the op set's types do not know. */
function usesGpu(tf: TensorflowOps): boolean {
  return (tf.backend() as unknown as { readonly isUsingGpuDevice: boolean }).isUsingGpuDevice;
}

export interface TensorflowOptions {
  /** Of one operator; default all cores. */
  readonly threads: number;
}

/**
 * TensorFlow through tfjs-node: programs are interpreted op by op, each value freed after its last use.
 * One TensorFlow serves a whole process, so the first call decides device and threads.
 */
export async function openTensorflow(
  device: "cpu" | "cuda",
  options: TensorflowOptions,
): Promise<Runtime | RuntimeUnavailable> {
  const found = findTensorflow();
  if (found === undefined)
    return unavailable("TensorFlow's native addon is not built here.", `Run '${SETUP_TENSORFLOW}'.`);
  let tf: TensorflowOps;
  try {
    tf = await load(found, device, options);
  } catch (error) {
    const message = error instanceof Error ? error.message.split("\n")[0]! : String(error);
    return unavailable(`${found.name} does not load: ${message}`, `Run '${SETUP_TENSORFLOW} -- --force'.`);
  }
  const actual = usesGpu(tf) ? "cuda" : "cpu";
  if (actual !== device)
    return device === "cuda"
      ? unavailable(
          `TensorFlow (${found.origin}) sees no CUDA device.`,
          `On a machine with an NVIDIA GPU run '${SETUP_TENSORFLOW} -- --device cuda --force'.`,
        )
      : unavailable(
          "This process has TensorFlow on the GPU already.",
          "Ask for tensorflow:cuda, or start another process.",
        );
  return {
    name: "tensorflow",
    device: `tensorflow:${device}`,
    versions: tensorflowVersions(found, device),
    unitRoundoff: 2 ** -24,
    compile: async (program) => compile(tf, program),
    upload: async (tensor) => hold(tf, upload(tf, tensor), tensor),
    dispose: async () => {},
  };
}

async function load(
  found: TensorflowPackage,
  device: "cpu" | "cuda",
  { threads }: TensorflowOptions,
): Promise<TensorflowOps> {
  const environment: Record<string, string> = {
    TF_CPP_MIN_LOG_LEVEL: "2",
    TF_NUM_INTRAOP_THREADS: String(threads),
    // Repeatable results: no atomics in reductions, no TF32 in products.
    TF_DETERMINISTIC_OPS: "1",
    NVIDIA_TF32_OVERRIDE: "0",
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
  };
  for (const [name, value] of Object.entries(environment)) process.env[name] ??= value;
  if (device === "cpu") process.env.CUDA_VISIBLE_DEVICES = "-1";
  // Node 23 took away what the package of 2024 still calls.
  const legacy = util as { isNullOrUndefined?: (value: unknown) => boolean; isArray?: (value: unknown) => boolean };
  legacy.isNullOrUndefined ??= (value) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  const loaded = (await import(found.name as string)) as TensorflowOps | { default: TensorflowOps };
  const tf = "tidy" in loaded ? loaded : loaded.default;
  tf.enableProdMode();
  return tf;
}

/** A program with, for each equation, the values whose last use it is. */
function compile(tf: TensorflowOps, program: Program): Executable {
  const values = [...program.inputs, ...program.equations.map(({ output }) => output)];
  if (values.some(({ dtype }) => dtype === "f64"))
    throw new Error("tensorflow computes in float32, and this program has float64 values; onnx:cpu takes it");
  const frees = lastUses(program);

  const evaluate = (inputs: readonly (Tensor | DeviceTensor)[]): TensorflowValue[] => {
    checkCount(program, inputs);
    const computed = new Map<Variable, TensorflowValue>();
    const owned = new Set<TensorflowValue>();
    program.inputs.forEach((variable, i) => {
      const given = inputs[i]!;
      checkInput(program.inputNames[i]!, variable, given);
      if (isDeviceTensor(given)) computed.set(variable, heldBy(given, program.inputNames[i]!));
      else {
        const value = upload(tf, given);
        owned.add(value);
        computed.set(variable, value);
      }
    });
    try {
      program.equations.forEach(({ primitive, inputs: operands, params, output }, i) => {
        const given = operands.map((operand) => computed.get(operand)!);
        // A lowering may answer an operand itself; a clone shares its data and has a life of its own.
        const value = tf.tidy(() => {
          const result = primitive.tensorflow(tf, given, params, output);
          return given.includes(result) ? tf.clone(result) : result;
        });
        owned.add(value);
        computed.set(output, value);
        for (const variable of frees[i]!) free(computed.get(variable)!, owned);
      });
      // Outputs are handed over: a value that is one twice, or an input, is cloned.
      return program.outputs.map((variable) => {
        const value = computed.get(variable)!;
        return owned.delete(value) ? value : tf.clone(value);
      });
    } finally {
      for (const value of owned) value.dispose();
    }
  };

  return {
    program,
    async run(inputs) {
      const outputs = evaluate(inputs);
      try {
        return await Promise.all(outputs.map((value, i) => download(value, program.outputs[i]!)));
      } finally {
        for (const value of outputs) value.dispose();
      }
    },
    runOnDevice: async (inputs) => evaluate(inputs).map((value, i) => hold(tf, value, program.outputs[i]!)),
    dispose: async () => {},
  };
}

function free(value: TensorflowValue, owned: Set<TensorflowValue>): void {
  if (owned.delete(value)) value.dispose();
}

function upload(tf: TensorflowOps, { dtype, shape, data }: Tensor): TensorflowValue {
  // TensorFlow's op set here has no 8-bit type: bytes are int32 there.
  if (dtype === "u8") return tf.tensor(Int32Array.from(data), [...shape], "int32");
  if (dtype === "f64") throw new Error("tensorflow computes in float32: upload f32 tensors");
  return tf.tensor(data as Float32Array, [...shape], "float32");
}

async function download(value: TensorflowValue, { dtype, shape }: Aval): Promise<Tensor> {
  const data = await value.data();
  return { dtype, shape, data: dtype === "u8" ? Uint8Array.from(data) : Float32Array.from(data) };
}

const values = new WeakMap<DeviceTensor, tfjs.Tensor>();

function hold(tf: TensorflowOps, value: TensorflowValue, { dtype, shape }: Aval): DeviceTensor {
  tf.keep(value);
  const tensor: DeviceTensor = {
    dtype,
    shape,
    read: async () => download(heldBy(tensor, "that is read"), tensor),
    dispose() {
      values.get(tensor)?.dispose();
      values.delete(tensor);
    },
  };
  values.set(tensor, value);
  return tensor;
}

function heldBy(tensor: DeviceTensor, name: string): TensorflowValue {
  const value = values.get(tensor);
  if (value === undefined) throw new Error(`the device tensor ${name} was disposed or belongs to another runtime`);
  return value;
}
