import { hasNvidiaGpu } from "../../src/runtimes/hardware.ts";
import { describeConformance } from "./conformance.ts";

// One TensorFlow serves a whole process, on the GPU where it sees one.
await describeConformance(hasNvidiaGpu() ? "tensorflow:cuda" : "tensorflow:cpu");
