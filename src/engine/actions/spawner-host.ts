/**
 * A small process that starts commands for a large one: starting a process copies the page tables of the one that starts
 * it. It knows nothing of stages, and imports nothing of the engine at run time.
 */
import { type ChildProcess, spawn } from "node:child_process";

export interface SpawnRequest {
  readonly id: number;
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export type ToSpawner = SpawnRequest | { readonly id: number; readonly kill: NodeJS.Signals };

export type FromSpawner =
  | { readonly id: 0; readonly type: "ready" }
  /** With its number, should this process be killed before it. */
  | { readonly id: number; readonly type: "started"; readonly pid: number }
  | { readonly id: number; readonly type: "stdout" | "stderr"; readonly data: Uint8Array }
  /** It and all that it had started is gone, and everything it printed has been told. */
  | {
      readonly id: number;
      readonly type: "ended";
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    }
  /** It could not be started. */
  | { readonly id: number; readonly type: "error"; readonly code: string; readonly message: string };

const running = new Map<number, ChildProcess>();

process.on("message", (message: ToSpawner) => {
  if ("kill" in message) killGroup(running.get(message.id), message.kill);
  else start(message);
});
// The engine is gone, or done: nobody wants what still runs.
process.once("disconnect", () => {
  for (const child of running.values()) killGroup(child, "SIGKILL");
  process.exit();
});

tell({ id: 0, type: "ready" });

function start({ id, file, args, cwd, env }: SpawnRequest): void {
  const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  running.set(id, child);
  if (child.pid !== undefined) tell({ id, type: "started", pid: child.pid });
  for (const type of ["stdout", "stderr"] as const) {
    const stream = child[type];
    stream.on("data", (data: Buffer) => {
      // What prints faster than it is read waits here as it would at a pipe.
      stream.pause();
      tell({ id, type, data }, () => stream.resume());
    });
  }
  child.once("error", (error: NodeJS.ErrnoException) => {
    running.delete(id);
    tell({ id, type: "error", code: error.code ?? "", message: error.message });
  });
  // A background process that holds the pipes open would keep "close" from coming.
  child.once("exit", () => killGroup(child, "SIGKILL"));
  child.once("close", (code, signal) => {
    if (running.delete(id)) tell({ id, type: "ended", code, signal });
  });
}

function tell(message: FromSpawner, told: () => void = () => undefined): void {
  if (process.connected) process.send!(message, undefined, undefined, told);
}

function killGroup(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  try {
    if (child?.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // Already gone.
  }
}
