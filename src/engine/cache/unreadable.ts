import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../system/entries.ts";
import { codeOf, obstacleOn } from "../system/io-error.ts";

/**
 * Why this user cannot read the cache, in a sentence: by the first of its folders and memos that is closed, or is no folder.
 * Whoever only looks takes what is in it for missing.
 */
export function unreadableIn(workspace: string): string | undefined {
  const root = join(workspace, ".pipeline");
  for (const folder of [root, ...["index", "actions", "cas", "cas/sha256"].map((name) => join(root, name))]) {
    const obstacle = obstacleOn(join(folder, "_"));
    if (obstacle !== undefined) return `${obstacle.path} is ${obstacle.kind}, and should be a folder`;
    if (isClosed(folder, constants.R_OK | constants.X_OK)) return `${folder} cannot be read: permission denied`;
  }
  const index = join(root, "index");
  const memo = namesIn(index).find((name) => isClosed(join(index, name), constants.R_OK));
  return memo === undefined ? undefined : `${join(index, memo)} cannot be read: permission denied`;
}

function isClosed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return false;
  } catch (error) {
    return codeOf(error) === "EACCES";
  }
}
