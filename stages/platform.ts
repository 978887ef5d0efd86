import { join } from "node:path";
import { chooseDevice } from "../src/runtimes/detect.ts";
import { GPU_NODES } from "../src/runtimes/hardware.ts";
import { nativeFolder } from "../src/runtimes/onnx/package.ts";
import { findPackage } from "../src/runtimes/packages.ts";
import { isUnavailable } from "../src/runtimes/unavailable.ts";
import { definePlatform } from "../src/stage.ts";

/**
 * Where numeric stages compute: `PIPELINE_DEVICE`, else the fastest hardware found. Bits depend on runtime, device and
 * versions, so these are facts. The number of threads changes nothing; what the processor's model changes nobody says, and the
 * engine's records name it.
 */
export default definePlatform({
  async probe(env) {
    const chosen = await chooseDevice(env.PIPELINE_DEVICE);
    if (isUnavailable(chosen))
      return { reason: "platform-unavailable", message: chosen.message, remedy: chosen.remedy };
    const { device, hardware, versions } = chosen;
    return {
      facts: {
        runtime: device.slice(0, device.indexOf(":")),
        device,
        ...(hardware === undefined ? {} : { hardware }),
        versions,
      },
      watched: [...GPU_NODES, ...packageFiles()],
    };
  },
});

/** Files that an installation or `npm run setup:tensorflow` brings or changes. */
function packageFiles(): string[] {
  const onnx = nativeFolder();
  const tensorflow = findPackage("@tensorflow/tfjs-node-gpu") ?? findPackage("@tensorflow/tfjs-node");
  return [
    ...(onnx === undefined
      ? []
      : [join(onnx, "onnxruntime_binding.node"), join(onnx, "libonnxruntime_providers_cuda.so")]),
    ...(tensorflow === undefined ? [] : [join(tensorflow.folder, "lib", "napi-v8", "tfjs_binding.node")]),
  ];
}
