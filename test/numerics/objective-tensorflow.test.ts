import { describeObjective } from "./objective-suite.ts";

await describeObjective("tensorflow:cpu");
