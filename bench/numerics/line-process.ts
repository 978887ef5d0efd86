import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

/** A process that answers requests, one JSON object a line each; its first line says that it is ready. */
export interface LineProcess {
  /** The answer as it was parsed: what it is, the caller knows. */
  ask(request: object): Promise<unknown>;
  /** Resolves when the process has ended. */
  stop(): Promise<void>;
}

/** The process was ended by SIGKILL: by the kernel, where memory ran out. */
export class KilledError extends Error {}

export async function startLineProcess(name: string, command: readonly string[]): Promise<LineProcess> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout! });
  await nextLine(child, lines, name);
  return {
    async ask(request) {
      child.stdin!.write(`${JSON.stringify(request)}\n`);
      return JSON.parse(await nextLine(child, lines, name));
    },
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once("exit", () => resolve());
        child.stdin!.end();
      }),
  };
}

function nextLine(child: ChildProcess, lines: Interface, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null) =>
      reject(signal === "SIGKILL" ? new KilledError(name) : new Error(`${name} ended with code ${code ?? signal}`));
    child.once("exit", onExit);
    lines.once("line", (line) => {
      child.off("exit", onExit);
      resolve(line);
    });
  });
}
