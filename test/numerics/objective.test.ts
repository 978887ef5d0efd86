import { describeObjective } from "./objective-suite.ts";

await describeObjective("reference:cpu");
await describeObjective("onnx:cpu");
await describeObjective("onnx:cpu", "f64");
