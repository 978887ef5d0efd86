import { describeConformance } from "./conformance.ts";

await describeConformance("reference:cpu");
await describeConformance("onnx:cpu");
await describeConformance("onnx:cuda");
