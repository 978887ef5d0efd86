import type { ChildProcess } from "node:child_process";
import { cutLines } from "./lines.ts";

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Ended by us, because the run was interrupted. */
  readonly interrupted: boolean;
  /** Ended by us, because its time was over. */
  readonly timedOut: boolean;
}

export interface ChildWatch {
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
  readonly signal: AbortSignal;
  /** How long it may take. */
  readonly seconds?: number | undefined;
}

/** How long a child may tidy up after SIGTERM. */
export const GRACE_MS = 5000;

/** What a timer can hold: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** Process groups that must not outlive us. Children are group leaders, so that the terminal's Ctrl-C reaches us alone. */
const alive = new Set<number>();

process.on("exit", () => {
  for (const pid of alive) killGroup(pid, "SIGKILL");
});

/**
 * Reads a child's output line by line until it ends; when the run is interrupted or its time is over, ends it and all that
 * it started: SIGTERM, then SIGKILL.
 */
export function watchChild(child: ChildProcess, { onLine, signal, seconds }: ChildWatch): Promise<ChildEnd> {
  return new Promise((fulfil, reject) => {
    let interrupted = false;
    let timedOut = false;
    let timer: NodeJS.Timeout | undefined;
    const { pid } = child;
    if (pid !== undefined) alive.add(pid);
    const end = (): void => {
      if (pid === undefined) return;
      killGroup(pid, "SIGTERM");
      timer ??= setTimeout(() => killGroup(pid, "SIGKILL"), GRACE_MS);
    };
    const stop = (): void => {
      interrupted = true;
      end();
    };
    const expire = (): void => {
      timedOut = true;
      end();
    };
    const clock = seconds === undefined ? undefined : setTimeout(expire, Math.min(seconds * 1000, LONGEST_MS));
    const over = (): void => {
      clearTimeout(clock);
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
      fulfil({ code, signal: endSignal, interrupted, timedOut });
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
