import { hasNvidiaGpu } from "../../src/runtimes/hardware.ts";
import { describeBits } from "./bits.ts";

await describeBits(hasNvidiaGpu() ? "tensorflow:cuda" : "tensorflow:cpu");
