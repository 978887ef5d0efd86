import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../stage.ts";
import { digestOf, isDigest } from "../plan/digest.ts";
import type { Digest } from "../plan/plan.ts";
import { byCodeUnit, canonical } from "../system/json.ts";

export interface TreeFile {
  /** Below the directory, with `/`. */
  readonly path: string;
  readonly digest: Digest;
  readonly executable: boolean;
}

/** The content of a directory out: its files, sorted by path. Empty folders are not content. */
export type Tree = readonly TreeFile[];

const FORMAT = 1;

/** The blob of a tree; its digest is the directory's digest. */
export function serialiseTree(tree: Tree): string {
  const files: Json = [...tree]
    .sort((a, b) => byCodeUnit(a.path, b.path))
    .map(({ path, digest, executable }) => [path, digest, executable ? 1 : 0]);
  return canonical({ format: FORMAT, files });
}

export function treeDigest(tree: Tree): Digest {
  return digestOf(serialiseTree(tree));
}

/** `undefined` when the bytes are no tree of this format, or name a path that leads out of the directory. */
export function parseTree(bytes: Uint8Array): Tree | undefined {
  try {
    const { format, files } = JSON.parse(Buffer.from(bytes).toString("utf8")) as {
      format: number;
      files: [string, string, number][];
    };
    if (format !== FORMAT) return undefined;
    return files.map(([path, digest, executable]) => {
      if (!isDigest(digest) || path.split("/").some((part) => part === "" || part === "." || part === ".."))
        throw new Error(path);
      return { path, digest, executable: executable === 1 };
    });
  } catch {
    return undefined;
  }
}

/**
 * All entries below a directory that are not directories themselves, with `/`; `undefined` where there is no directory.
 * `onFolder` is told each folder before it is listed: `""`, `/a`, `/a/b`.
 */
export function entriesBelow(
  directory: string,
  onFolder: (below: string) => void = () => undefined,
): { readonly path: string; readonly regular: boolean }[] | undefined {
  const found: { path: string; regular: boolean }[] = [];
  const walk = (folder: string, prefix: string): void => {
    onFolder(`/${prefix}`.slice(0, -1));
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = prefix + entry.name;
      if (entry.isDirectory()) walk(join(folder, entry.name), `${path}/`);
      else found.push({ path, regular: entry.isFile() });
    }
  };
  try {
    walk(directory, "");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
  return found;
}
