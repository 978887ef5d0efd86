import { describeBits } from "./bits.ts";

await describeBits("onnx:webgpu");
