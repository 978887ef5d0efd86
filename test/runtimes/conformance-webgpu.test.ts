import { describeConformance } from "./conformance.ts";

await describeConformance("onnx:webgpu");
