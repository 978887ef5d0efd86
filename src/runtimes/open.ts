import { availableParallelism } from "node:os";
import type { DeviceName, Runtime, RuntimeUnavailable } from "./runtime.ts";
import { unavailable } from "./unavailable.ts";

export interface OpenOptions {
  /** Threads of one operator. Default: `PIPELINE_THREADS`, else all cores. No result depends on it. */
  readonly threads?: number;
}

/** Opens a runtime on a device, importing its package and no other. The caller disposes it. */
export async function openRuntime(
  device: DeviceName,
  options: OpenOptions = {},
): Promise<Runtime | RuntimeUnavailable> {
  const threads = options.threads ?? defaultThreads();
  switch (device) {
    case "onnx:cpu":
    case "onnx:webgpu":
    case "onnx:cuda": {
      const { openOnnx } = await import("./onnx/runtime.ts");
      return openOnnx(device === "onnx:cpu" ? "cpu" : device === "onnx:webgpu" ? "webgpu" : "cuda", { threads });
    }
    case "tensorflow:cpu":
    case "tensorflow:cuda": {
      const { openTensorflow } = await import("./tensorflow.ts");
      return openTensorflow(device === "tensorflow:cuda" ? "cuda" : "cpu", { threads });
    }
    case "reference:cpu": {
      const { openReference } = await import("./reference.ts");
      return openReference();
    }
    default:
      return unavailable(
        `No runtime serves ${device}.`,
        "Use onnx:cpu, onnx:webgpu, onnx:cuda, tensorflow or reference.",
      );
  }
}

/** `PIPELINE_THREADS`, else the number of cores. Throws on a value that is no positive integer. */
export function defaultThreads(env: NodeJS.ProcessEnv = process.env): number {
  const wanted = env.PIPELINE_THREADS;
  if (wanted === undefined || wanted === "") return availableParallelism();
  const threads = Number(wanted);
  if (!Number.isInteger(threads) || threads < 1)
    throw new Error(`PIPELINE_THREADS is a number of threads, not '${wanted}'`);
  return threads;
}
