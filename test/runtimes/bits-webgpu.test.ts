import { vi } from "vitest";
import { describeBits } from "./bits.ts";

// Where the GPU is software, each new program is compiled for it on the CPU: seconds, and more on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

await describeBits("onnx:webgpu");
