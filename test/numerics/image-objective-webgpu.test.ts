import { mayHaveGpu } from "../../src/runtimes/hardware.ts";
import { describeImageObjective } from "./image-objective-suite.ts";

const wantsAll = process.env.SLOW_TESTS === "1";

await describeImageObjective("onnx:webgpu", {
  vgg10: () =>
    mayHaveGpu() || wantsAll
      ? "products"
      : { skipped: "a gradient takes half a minute on a software GPU; SLOW_TESTS=1 runs it" },
  small: "device",
});
