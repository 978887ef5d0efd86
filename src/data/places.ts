/** Where data files may lie on this machine, and where they come from when they do not. */
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { DataFailure } from "./failure.ts";

/** Debian's package `dataset-fashion-mnist` installs here. */
export const DEBIAN_FASHION_MNIST = "/usr/share/datasets/fashion-mnist";

/** The authors' own two places, over https first. */
export const OFFICIAL_FASHION_MNIST = [
  "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
  "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
] as const;

/** The author's own place. */
export const OFFICIAL_CIFAR10 = ["https://www.cs.toronto.edu/~kriz"] as const;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The user's cache folder by the XDG base directory specification; relative values are ignored, as it demands. */
export function cacheFolder(env: Environment): string {
  const base = env.XDG_CACHE_HOME;
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache"), "gd-instabilities");
}

export type Mirror =
  | { readonly type: "folder"; readonly path: string }
  | { readonly type: "url"; readonly base: string };

/** `PIPELINE_DATA_MIRROR`: path, `file:` or `https:` URL of a folder with `fashion-mnist/NAME.gz`, `cifar-10-binary.tar.gz`. */
export function mirrorOf(env: Environment): Mirror | undefined | DataFailure {
  const value = env.PIPELINE_DATA_MIRROR?.trim();
  if (value === undefined || value === "") return undefined;
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(value)?.[1]?.toLowerCase();
  if (scheme === undefined) return { type: "folder", path: resolve(value) };
  if (scheme === "http" || scheme === "https") return { type: "url", base: value.replace(/\/+$/, "") };
  if (scheme === "file") {
    try {
      return { type: "folder", path: fileURLToPath(value) };
    } catch {
      // Falls through: a file: URL with a host, for instance.
    }
  }
  return {
    reason: "data-bad-mirror",
    message: `PIPELINE_DATA_MIRROR is ${JSON.stringify(value)}, which is no path, file: URL or https: URL`,
    remedy:
      "write for example PIPELINE_DATA_MIRROR=/data/mirror or https://host/mirror (without the fashion-mnist/ at its end)",
  };
}
