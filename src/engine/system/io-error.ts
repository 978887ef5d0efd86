import { accessSync, constants, lstatSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** What the file system refused, told in a sentence. */
export interface IoProblem {
  /** `disk-full`, `not-readable`, `not-writable`, `no-folder`, `too-many-open-files`, `name-too-long` or `io-error`. */
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
}

/** Explains an error of the file system; `undefined` for any other error, which is a bug and should be thrown on. */
export function explainIo(error: unknown, doing: string): IoProblem | undefined {
  const code = codeOf(error);
  if (code === undefined) return undefined;
  const { path, dest, syscall } = error as { path?: unknown; dest?: unknown; syscall: string };
  const where = typeof path === "string" ? ` (${path})` : "";
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return {
        reason: "disk-full",
        message: `the disk is full while ${doing}${where}; everything that was finished is kept`,
        remedy: "free some space (`pipeline clean` removes outs that can be restored), then run again",
      };
    case "EROFS":
    case "EACCES":
    case "EPERM":
      if (typeof path === "string" && isClosed(path))
        return {
          reason: "not-readable",
          message: `${path} cannot be read: permission denied`,
          remedy: "make it readable, and the folders it is in, then run again",
        };
      return {
        reason: "not-writable",
        message: `permission denied while ${doing}${where}; everything that was finished is kept`,
        remedy: "make the workspace and its .pipeline folder writable, then run again",
      };
    case "ENOTDIR":
    case "ENOENT":
    case "EEXIST": {
      const isFolder = syscall === "scandir" || syscall === "mkdir";
      const obstacle = [path, dest].flatMap((one) =>
        typeof one === "string" ? (obstacleOn(isFolder ? join(one, "_") : one) ?? []) : [],
      )[0];
      if (obstacle !== undefined)
        return {
          reason: "no-folder",
          message: `${obstacle.path} is ${obstacle.kind}, and should be a folder; everything that was finished is kept`,
          remedy: "move it away, then run again",
        };
      break;
    }
    case "EMFILE":
    case "ENFILE":
      return {
        reason: "too-many-open-files",
        message: `too many open files while ${doing}`,
        remedy: "raise the limit (`ulimit -n 4096`) or lower --jobs",
      };
    case "ENAMETOOLONG":
      return {
        reason: "name-too-long",
        message: `a file name is too long for the file system while ${doing}${where}`,
        remedy: "shorten the out's path in pipeline.yaml",
      };
  }
  return {
    reason: "io-error",
    message: `${(error as Error).message} while ${doing}`,
    remedy: "look at the file named above, then run again",
  };
}

/** Whether it is there and closed to this user; it may be that writing was wanted, and is what was refused. */
function isClosed(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES";
  }
}

/** The first on the way to a path that is there and no folder. */
export function obstacleOn(path: string): { readonly path: string; readonly kind: string } | undefined {
  const above = dirname(path);
  if (above === path) return undefined;
  const higher = obstacleOn(above);
  if (higher !== undefined) return higher;
  try {
    const isLink = lstatSync(above).isSymbolicLink();
    const target = statSync(above, { throwIfNoEntry: false });
    if (target === undefined) return isLink ? { path: above, kind: "a link that leads nowhere" } : undefined;
    return target.isDirectory() ? undefined : { path: above, kind: "a file" };
  } catch {
    return undefined;
  }
}

/** The code of a system error (`ENOENT`); `undefined` for errors that did not come from the system. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  return typeof code === "string" && typeof syscall === "string" ? code : undefined;
}
