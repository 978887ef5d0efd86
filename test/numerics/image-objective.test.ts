import { describeImageObjective } from "./image-objective-suite.ts";

// The float64 twin takes seconds for a gradient of VGG10.
await describeImageObjective("reference:cpu", { vgg10: () => "gradient", small: "all" });
await describeImageObjective("onnx:cpu", { vgg10: () => "eigenpairs", small: "all" });
