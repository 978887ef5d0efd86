// `import { run, status } from "gd-instabilities/engine"`: the bundle of src/engine/api.ts, made like the command's.
import launcher from "./launch.js";

export const { run, status, isProblem } = await launcher.loadEngine();
