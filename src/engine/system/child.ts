import type { ChildProcess } from "node:child_process";
import type { EventEmitter } from "node:events";
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

/** A started program, the leader of a process group. Its events are those of Node's `ChildProcess`. */
export interface Child extends Pick<EventEmitter, "once"> {
  readonly stdout: Pick<EventEmitter, "on"> | null;
  readonly stderr: Pick<EventEmitter, "on"> | null;
  /** Sends a signal to it and to all that it started; nothing when they are gone. */
  kill(signal: NodeJS.Signals): void;
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

/** A process that this one has started. */
export function localChild(child: ChildProcess): Child {
  const { pid, stdout, stderr } = child;
  if (pid !== undefined) alive.add(pid);
  const over = (): void => {
    // Also what it left in the background: that may still hold the outs open.
    if (pid !== undefined && alive.delete(pid)) killGroup(pid, "SIGKILL");
  };
  child.once("close", over);
  child.once("error", over);
  return {
    stdout,
    stderr,
    once: child.once.bind(child) as Child["once"],
    kill(signal) {
      if (pid !== undefined && alive.has(pid)) killGroup(pid, signal);
    },
  };
}

/**
 * Reads a child's output line by line until it ends; when the run is interrupted or its time is over, ends it and all that
 * it started: SIGTERM, then SIGKILL.
 */
export function watchChild(child: Child, { onLine, signal, seconds }: ChildWatch): Promise<ChildEnd> {
  return new Promise((fulfil, reject) => {
    let interrupted = false;
    let timedOut = false;
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      child.kill("SIGTERM");
      timer ??= setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
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
    };
    for (const stream of ["stdout", "stderr"] as const) {
      const cutter = cutLines((line) => onLine(stream, line));
      child[stream]?.on("data", (chunk: Uint8Array) => cutter.write(chunk));
      child[stream]?.on("end", () => cutter.end());
    }
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    child.once("error", (error: Error) => {
      over();
      reject(error);
    });
    // A background process that holds the pipes open would keep "close" from coming.
    child.once("exit", () => child.kill("SIGKILL"));
    child.once("close", (code: number | null, endSignal: NodeJS.Signals | null) => {
      over();
      fulfil({ code, signal: endSignal, interrupted, timedOut });
    });
  });
}

export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch {
    // Already gone.
  }
}
