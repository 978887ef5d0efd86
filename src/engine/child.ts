import type { ChildProcess } from "node:child_process";
import { cutLines } from "./lines.ts";

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Ended by us, because the run was interrupted. */
  readonly interrupted: boolean;
}

export interface ChildWatch {
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
  readonly signal: AbortSignal;
}

/** How long a child may tidy up after SIGTERM. */
export const GRACE_MS = 5000;

/** Process groups that must not outlive us. Children are group leaders, so that the terminal's Ctrl-C reaches us alone. */
const alive = new Set<number>();

process.on("exit", () => {
  for (const pid of alive) killGroup(pid, "SIGKILL");
});

/** Reads a child's output line by line until it ends; when the run is interrupted, ends it: SIGTERM, then SIGKILL. */
export function watchChild(child: ChildProcess, { onLine, signal }: ChildWatch): Promise<ChildEnd> {
  return new Promise((fulfil, reject) => {
    let interrupted = false;
    let timer: NodeJS.Timeout | undefined;
    const { pid } = child;
    if (pid !== undefined) alive.add(pid);
    const stop = (): void => {
      interrupted = true;
      if (pid === undefined) return;
      killGroup(pid, "SIGTERM");
      timer ??= setTimeout(() => killGroup(pid, "SIGKILL"), GRACE_MS);
    };
    const over = (): void => {
      signal.removeEventListener("abort", stop);
      clearTimeout(timer);
      // Also what the child left in the background: it may still hold the outs open.
      if (pid !== undefined && alive.delete(pid)) killGroup(pid, "SIGKILL");
    };
    for (const stream of ["stdout", "stderr"] as const) {
      const cutter = cutLines((line) => onLine(stream, line));
      child[stream]?.on("data", (chunk: Buffer) => cutter.write(chunk)).on("end", () => cutter.end());
    }
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    child.once("error", (error) => {
      over();
      reject(error);
    });
    // A background process that holds the pipes open would keep "close" from coming.
    child.once("exit", () => {
      if (pid !== undefined) killGroup(pid, "SIGKILL");
    });
    child.once("close", (code, endSignal) => {
      over();
      fulfil({ code, signal: endSignal, interrupted });
    });
  });
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch {
    // Already gone.
  }
}
