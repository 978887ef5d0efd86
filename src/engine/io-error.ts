/** What the file system refused, told in a sentence. */
export interface IoProblem {
  /** `disk-full`, `not-writable`, `too-many-open-files`, `name-too-long` or `io-error`. */
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
}

/** Explains an error of the file system; `undefined` for any other error, which is a bug and should be thrown on. */
export function explainIo(error: unknown, doing: string): IoProblem | undefined {
  const code = codeOf(error);
  if (code === undefined) return undefined;
  const path = (error as { path?: unknown }).path;
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
      return {
        reason: "not-writable",
        message: `permission denied while ${doing}${where}; everything that was finished is kept`,
        remedy: "make the workspace and its .pipeline folder writable, then run again",
      };
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
    default:
      return {
        reason: "io-error",
        message: `${(error as Error).message} while ${doing}`,
        remedy: "look at the file named above, then run again",
      };
  }
}

/** The code of a system error (`ENOENT`); `undefined` for errors that did not come from the system. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  return typeof code === "string" && typeof syscall === "string" ? code : undefined;
}
