import { join } from "node:path";
import { driverVersion } from "./hardware.ts";
import { findPackage, type InstalledPackage, isThere, readIfThere } from "./packages.ts";

export const SETUP_TENSORFLOW = "npm run setup:tensorflow";

const PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

export interface TensorflowPackage extends InstalledPackage {
  readonly name: (typeof PACKAGES)[number];
  /** Where its TensorFlow came from (`scripts/setup-tensorflow.sh` notes it): the version, as far as keys need it. */
  readonly origin: string;
}

/** The package that has its native addon, found without loading it (its `require` would throw, without a code). */
export function findTensorflow(): TensorflowPackage | undefined {
  for (const name of PACKAGES) {
    const found = findPackage(name);
    if (found === undefined || !isThere(join(found.folder, "lib", "napi-v8", "tfjs_binding.node"))) continue;
    const note = join(found.folder, "lib", ".source");
    return { ...found, name, origin: readIfThere(note)?.trim() ?? "unknown" };
  }
  return undefined;
}

/** What decides results besides the program: part of keys. */
export function tensorflowVersions(found: TensorflowPackage, device: "cpu" | "cuda"): Record<string, string> {
  return { [found.name]: found.version, tensorflow: found.origin, ...(device === "cuda" ? driverVersion() : {}) };
}
