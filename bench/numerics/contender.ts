import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

export interface Row {
  readonly row: "step" | "descent" | "hvp" | "hvp-linearized";
  readonly replicas: number;
  readonly iterations: number;
}

export interface Measurement {
  readonly milliseconds: readonly number[];
  /** Of replica 0: the loss, and the norm of the gradient or of Hv. They show that all contenders compute the same. */
  readonly loss: number;
  readonly norm: number;
}

/** A process that answers timing requests, one JSON object a line (`peers.py`, `ours.ts`). */
export interface Contender {
  readonly name: string;
  measure(row: Row): Promise<Measurement | undefined>;
  stop(): void;
}

export async function startContender(name: string, command: readonly string[]): Promise<Contender> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout! });
  await nextLine(child, lines, name);
  return {
    name,
    async measure(row) {
      child.stdin!.write(`${JSON.stringify(row)}\n`);
      const answer = JSON.parse(await nextLine(child, lines, name)) as Measurement | { absent: true };
      return "absent" in answer ? undefined : answer;
    },
    stop: () => void child.stdin!.end(),
  };
}

function nextLine(child: ChildProcess, lines: Interface, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`${name} ended with code ${code}`));
    child.once("exit", onExit);
    lines.once("line", (line) => {
      child.off("exit", onExit);
      resolve(line);
    });
  });
}
