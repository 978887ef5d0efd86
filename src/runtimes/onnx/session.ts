import type * as ort from "onnxruntime-node";
import type { Program } from "../../programs/program.ts";
import type { Aval, Tensor, TensorData } from "../../programs/tensor.ts";
import { lowerProgram, portAval } from "./lower.ts";
import { encodeModel, type OnnxModel } from "./model.ts";
import { soonestFirst } from "./order.ts";
import { recomputeCheap } from "./recompute.ts";

export type OnnxDevice = "cpu" | "webgpu" | "cuda";

export interface SessionSettings {
  readonly device: OnnxDevice;
  /** Of one operator. A session takes fewer where more would change the bits of a product. */
  readonly threads: number;
  /** Leave the outputs in the device's memory; only WebGPU has a way to. */
  readonly outputsOnDevice: boolean;
  /** Of the machine's convolution kernels, `findChannelBlock` of channel-block.ts; default 1. */
  readonly channelBlock?: number;
}

/**
 * One graph optimisation level for all: levels differ in their bits (fusions round differently), so the level is part
 * of keys. Above `basic` float64 Hessian-vector products lose eight digits, WebGPU has an open bug, and nothing is gained:
 * an MLP step takes 0.94 ms against 0.91 at `all`, two convolutions forward and back 23.7 against 23.4.
 */
export const OPTIMIZATION_LEVEL = "basic";

/** A compiled model. Inputs and outputs are in the model's order. */
export interface Session {
  run(inputs: readonly ort.Tensor[]): Promise<ort.Tensor[]>;
  release(): Promise<void>;
}

/** The native package, loaded on first use: without its telemetry, which writes files and an id to the home folder. */
export async function loadPackage(): Promise<typeof ort> {
  process.env.ORT_DISABLE_TELEMETRY = "1";
  // CUDA's libraries would round float32 operands of products to 10 bits.
  process.env.NVIDIA_TF32_OVERRIDE ??= "0";
  const loaded = await import("onnxruntime-node");
  // A CommonJS package: bundlers and Node differ in where they put its exports.
  return "InferenceSession" in loaded ? loaded : (loaded as { default: typeof ort }).default;
}

export async function createSession(api: typeof ort, model: OnnxModel, settings: SessionSettings): Promise<Session> {
  const session = await api.InferenceSession.create(
    encodeModel(settings.device === "cpu" ? inLittleMemory(model) : model),
    sessionOptions({ ...settings, threads: Math.min(settings.threads, model.maxThreads) }),
  );
  const inputNames = model.inputs.map(({ name }) => name);
  const outputNames = model.outputs.map(({ name }) => name);
  return {
    async run(inputs) {
      const feeds: Record<string, ort.Tensor> = {};
      inputNames.forEach((name, i) => {
        feeds[name] = inputs[i]!;
      });
      const results = await session.run(feeds);
      return outputNames.map((name) => results[name] as ort.Tensor);
    },
    release: () => session.release(),
  };
}

/** How a model is handed to the CPU's provider, which keeps a value from its node to its last reader: the numbers are the same. */
export function inLittleMemory(model: OnnxModel): OnnxModel {
  return recomputeCheap({ ...model, nodes: soonestFirst(model.nodes) });
}

export function createProgramSession(api: typeof ort, program: Program, settings: SessionSettings): Promise<Session> {
  return createSession(api, lowerProgram(program, settings.device, settings.channelBlock), settings);
}

export function sessionOptions(settings: SessionSettings): ort.InferenceSession.SessionOptions {
  const common: ort.InferenceSession.SessionOptions = {
    graphOptimizationLevel: OPTIMIZATION_LEVEL,
    executionMode: "sequential",
    interOpNumThreads: 1,
    intraOpNumThreads: settings.threads,
    logSeverityLevel: 3,
  };
  switch (settings.device) {
    case "cpu":
      return {
        ...common,
        executionProviders: [{ name: "cpu" }],
        // The pattern of a run's allocations would be kept as one block beside the arena that has served the run: twice
        // the memory (VGG10's gradient on 256 images: 530 MB against 330), and no time saved.
        enableMemPattern: false,
        // Spin inside a run, where the next operator follows at once, and stop with it: a session that waits for its
        // caller, or for its turn among sessions, takes no core from the others.
        extra: { session: { force_spinning_stop: "1" } },
      };
    case "webgpu":
      return {
        ...common,
        executionProviders: [{ name: "webgpu" }],
        ...(settings.outputsOnDevice ? { preferredOutputLocation: "gpu-buffer" as const } : {}),
        // An operator that the GPU lacks is an error, never a silent detour through the CPU. Deterministic: a long inner
        // extent is not split among workgroups that add to the same numbers in any order (Split-K).
        extra: { session: { disable_cpu_ep_fallback: "1", use_deterministic_compute: "1" } },
      };
    case "cuda":
      return { ...common, executionProviders: [{ name: "cuda" }] };
  }
}

const ELEMENT_NAMES = { f32: "float32", f64: "float64", u8: "uint8" } as const;

/** A host tensor as the session's input. No copy, but where WebGPU takes bytes as float32. */
export function toOrt(api: typeof ort, tensor: Tensor, device: OnnxDevice): ort.Tensor {
  const port = portAval(tensor, device);
  const data = port.dtype === tensor.dtype ? tensor.data : Float32Array.from(tensor.data);
  return new api.Tensor(ELEMENT_NAMES[port.dtype], data as Float32Array, tensor.shape);
}

/** A session's output on the host as the program's tensor. */
export function fromOrt(value: ort.Tensor, aval: Aval): Tensor {
  const data = value.data as TensorData;
  const typed = aval.dtype === "u8" && !(data instanceof Uint8Array) ? Uint8Array.from(data) : data;
  return { dtype: aval.dtype, shape: aval.shape, data: typed };
}
