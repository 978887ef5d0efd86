import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf } from "./io-error.ts";

/**
 * Gives a file this content: all of it, or what was there stays. Links are followed. What is no regular file (a pipe, a
 * device) is written to as it is. Throws what the file system throws, and leaves nothing beside the file.
 */
export function replaceFile(path: string, data: string | Uint8Array): void {
  const before = statSync(path, { throwIfNoEntry: false });
  if (before !== undefined && !before.isFile()) {
    writeFileSync(path, data);
    return;
  }
  const target = followed(path);
  // A rename would not ask.
  if (before !== undefined) accessSync(target, constants.W_OK);
  const temporary = `${target}.${process.pid}`;
  try {
    writeFileSync(temporary, data);
    if (before !== undefined) chmodSync(temporary, before.mode & 0o7777);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    // A folder in which nothing can be made, or a file that is mounted, may still be written to.
    if (before === undefined || !["EACCES", "EPERM", "EROFS", "EBUSY"].includes(codeOf(error) ?? "")) throw error;
    writeFileSync(target, data);
  }
}

/** Where writing to a path ends up; also where nothing is there yet. */
export function followed(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    return followed(resolve(dirname(path), readlinkSync(path)));
  }
  const above = dirname(path);
  return above === path ? path : join(followed(above), basename(path));
}
