import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** A process, told apart from a later one with the same number by the time it started. */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** Opaque; `""` where the system does not tell. */
  readonly start: string;
}

let own: ProcessIdentity | undefined;

export function ownIdentity(): ProcessIdentity {
  own ??= { host: hostname(), pid: process.pid, start: startOf(process.pid) ?? "" };
  return own;
}

/** Whether the process is still there; `undefined` when it is another machine's. */
export function isAlive({ host, pid, start }: ProcessIdentity): boolean | undefined {
  if (host !== ownIdentity().host) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it exists and belongs to someone else.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const now = startOf(pid);
  return now === undefined || start === "" || now === start;
}

function startOf(pid: number): string | undefined {
  try {
    if (process.platform === "linux") {
      const text = readFileSync(`/proc/${pid}/stat`, "latin1");
      // The second field is the program's name in parentheses and may hold spaces; the start time is the 22nd.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      // A zombie holds nothing any more.
      return fields[0] === "Z" ? "ended" : fields[19];
    }
    if (process.platform === "win32") return undefined;
    const { execFileSync } = process.getBuiltinModule("node:child_process");
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}
