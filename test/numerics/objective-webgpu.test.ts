import { describeObjective } from "./objective-suite.ts";

await describeObjective("onnx:webgpu");
