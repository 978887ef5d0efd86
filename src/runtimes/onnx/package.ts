import { join } from "node:path";
import { driverVersion } from "../hardware.ts";
import { findPackage, isThere } from "../packages.ts";
import type { RuntimeUnavailable } from "../runtime.ts";
import { unavailable } from "../unavailable.ts";
import { type OnnxDevice, OPTIMIZATION_LEVEL } from "./session.ts";

export const ONNX_PACKAGE = "onnxruntime-node";

/** CUDA's provider is no part of the npm package; the bare flag is the one that the package's script understands. */
export const INSTALL_CUDA = "node node_modules/onnxruntime-node/script/install --onnxruntime-node-install";

/** What decides results besides the program: part of keys. */
export function onnxVersions(device: OnnxDevice): Record<string, string> {
  return {
    [ONNX_PACKAGE]: findPackage(ONNX_PACKAGE)?.version ?? "unknown",
    provider: device,
    optimization: OPTIMIZATION_LEVEL,
    ...(device === "cpu" ? {} : driverVersion()),
  };
}

/** The folder of the package's native libraries for this machine. */
export function nativeFolder(): string | undefined {
  const found = findPackage(ONNX_PACKAGE);
  return found && join(found.folder, "bin", "napi-v6", process.platform, process.arch);
}

/** What is missing for a device, found without loading anything; whether a GPU answers is for opening it to tell. */
export function requireDevice(device: OnnxDevice): RuntimeUnavailable | undefined {
  const folder = nativeFolder();
  if (folder === undefined) return unavailable(`${ONNX_PACKAGE} is not installed.`, "Run 'npm ci'.");
  if (!isThere(join(folder, "onnxruntime_binding.node")))
    return unavailable(
      `${ONNX_PACKAGE} has no library for ${process.platform} ${process.arch}.`,
      "Use --device tensorflow (npm run setup:tensorflow) or --device reference on this machine.",
    );
  if (device === "cuda" && !isThere(join(folder, "libonnxruntime_providers_cuda.so")))
    return process.platform === "linux" && process.arch === "x64"
      ? unavailable("onnx:cuda needs ONNX Runtime's CUDA provider, which npm does not bring.", `Run '${INSTALL_CUDA}'.`)
      : unavailable(
          `onnx:cuda exists for linux x64 only, and this is ${process.platform} ${process.arch}.`,
          "Use --device onnx:webgpu on this machine.",
        );
  return undefined;
}
