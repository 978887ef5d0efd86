import { vi } from "vitest";
import { describeConformance } from "./conformance.ts";

// Where the GPU is software, each new program is compiled for it on the CPU: seconds, and more on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

await describeConformance("onnx:webgpu");
