import { describeImageObjective } from "./image-objective-suite.ts";

await describeImageObjective("tensorflow:cpu", { vgg10: () => "products", small: "device" });
