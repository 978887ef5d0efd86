import { readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";

/** A file or folder of the cache, and what was known of it at one moment. */
export interface Entry {
  readonly file: string;
  readonly stats: Stats;
}

/** The files in a folder, or in its folders. */
export function entriesIn(folder: string, depth: 0 | 1): Entry[] {
  const paths = namesIn(folder).map((name) => join(folder, name));
  const files = depth === 0 ? paths : paths.flatMap((path) => namesIn(path).map((name) => join(path, name)));
  return files.flatMap((file) => {
    const stats = statSync(file, { throwIfNoEntry: false });
    return stats?.isFile() ? [{ file, stats }] : [];
  });
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

/** The bytes of all files below a folder. Those that go meanwhile are nothing. */
export function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    bytes += stats === undefined ? 0 : stats.isDirectory() ? bytesBelow(path) : stats.size;
  }
  return bytes;
}
