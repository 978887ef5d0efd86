import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../system/entries.ts";
import { codeOf } from "../system/io-error.ts";

/** The first of the cache's folders and memos that is closed to this user. Whoever only looks takes what is in it for missing. */
export function unreadableIn(workspace: string): string | undefined {
  const root = join(workspace, ".pipeline");
  for (const folder of [root, ...["index", "actions", "cas", "cas/sha256"].map((name) => join(root, name))]) {
    if (isClosed(folder, constants.R_OK | constants.X_OK)) return folder;
  }
  const index = join(root, "index");
  return namesIn(index)
    .map((name) => join(index, name))
    .find((file) => isClosed(file, constants.R_OK));
}

function isClosed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return false;
  } catch (error) {
    return codeOf(error) === "EACCES";
  }
}
