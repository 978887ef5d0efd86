import type * as ort from "onnxruntime-node";
import { checkCount } from "../../programs/inputs.ts";
import type { Program } from "../../programs/program.ts";
import type { Aval, Tensor } from "../../programs/tensor.ts";
import { checkInput, isDeviceTensor, isHostDeviceTensor, wrapHost } from "../host-tensor.ts";
import type { DeviceTensor, Executable, Runtime, RuntimeUnavailable } from "../runtime.ts";
import { unavailable } from "../unavailable.ts";
import { findChannelBlock } from "./channel-block.ts";
import { type DeviceBuffers, type DeviceSession, IDENTITY, openDeviceBuffers } from "./device-buffers.ts";
import { ONNX_PACKAGE, onnxVersions, requireDevice } from "./package.ts";
import {
  createProgramSession,
  createSession,
  fromOrt,
  loadPackage,
  type OnnxDevice,
  type SessionSettings,
  toOrt,
} from "./session.ts";

export interface OnnxOptions {
  /** Of one operator; default all cores. */
  readonly threads: number;
}

/** ONNX Runtime on one execution provider. */
export async function openOnnx(device: OnnxDevice, { threads }: OnnxOptions): Promise<Runtime | RuntimeUnavailable> {
  const missing = requireDevice(device);
  if (missing !== undefined) return missing;
  let api: typeof ort;
  try {
    api = await loadPackage();
  } catch (error) {
    return unavailable(`${ONNX_PACKAGE} does not load here: ${messageOf(error)}`, "Run 'npm ci' on this machine.");
  }
  let buffers: DeviceBuffers | undefined;
  if (device === "webgpu") {
    try {
      buffers = await openDeviceBuffers(api, threads);
    } catch (error) {
      return unavailable(
        `WebGPU finds no adapter: ${messageOf(error)}`,
        "Install the GPU's Vulkan driver and the loader (Debian: apt-get install libvulkan1), or use --device onnx:cpu.",
      );
    }
  }
  if (device === "cuda") {
    try {
      const probe = await createSession(api, IDENTITY, { device, threads, outputsOnDevice: false });
      await probe.release();
    } catch (error) {
      return unavailable(
        `onnx:cuda does not start: ${messageOf(error)}`,
        "Install NVIDIA's driver, CUDA and cuDNN of the versions that ONNX Runtime's CUDA provider wants, or use --device onnx:webgpu.",
      );
    }
  }
  const channelBlock = device === "cpu" ? await findChannelBlock(api) : 1;
  const live = new Set<Executable>();
  return {
    name: "onnx",
    device: `onnx:${device}`,
    versions: onnxVersions(device),
    unitRoundoff: 2 ** -24,
    async compile(program) {
      if (device !== "cpu" && usesFloat64(program))
        throw new Error(`onnx:${device} computes in float32, and this program has float64 values; onnx:cpu takes it`);
      const executable = await compile(
        api,
        program,
        { device, threads, outputsOnDevice: false, channelBlock },
        buffers,
        () => live.delete(executable),
      );
      live.add(executable);
      return executable;
    },
    upload: async (tensor) => (buffers === undefined ? wrapHost(tensor) : buffers.upload(tensor)),
    async dispose() {
      for (const executable of [...live]) await executable.dispose();
      await buffers?.dispose();
    },
  };
}

async function compile(
  api: typeof ort,
  program: Program,
  settings: SessionSettings,
  buffers: DeviceBuffers | undefined,
  onDispose: () => void,
): Promise<Executable> {
  const session = await createProgramSession(api, program, settings);
  // Where an output lives is decided per session, so that chained runs on a GPU have one of their own, made on demand.
  let chained: Promise<DeviceSession> | undefined;

  const feeds = (inputs: readonly (Tensor | DeviceTensor)[]): ort.Tensor[] => {
    checkCount(program, inputs);
    return inputs.map((given, i) => {
      checkInput(program.inputNames[i]!, program.inputs[i]!, given);
      if (!isDeviceTensor(given)) return toOrt(api, given, settings.device);
      if (isHostDeviceTensor(given)) return toOrt(api, given.host, settings.device);
      const held = buffers?.held(given);
      if (held === undefined) throw new Error(`input ${program.inputNames[i]} lives on another runtime's device`);
      return held;
    });
  };
  const outputs = (values: readonly ort.Tensor[]): Tensor[] =>
    values.map((value, i) => fromOrt(value, program.outputs[i]!));

  return {
    program,
    run: async (inputs) => outputs(await session.run(feeds(inputs))),
    async runOnDevice(inputs) {
      if (buffers === undefined) return outputs(await session.run(feeds(inputs))).map(wrapHost);
      chained ??= createProgramSession(api, program, { ...settings, outputsOnDevice: true }).then(buffers.own);
      return (await chained).run(feeds(inputs), program.outputs);
    },
    async dispose() {
      onDispose();
      await session.release();
      if (chained !== undefined) await (await chained).release();
    },
  };
}

function usesFloat64(program: Program): boolean {
  const isFloat64 = (value: Aval): boolean => value.dtype === "f64";
  return program.inputs.some(isFloat64) || program.equations.some(({ output }) => isFloat64(output));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split("\n")[0]! : String(error);
}
