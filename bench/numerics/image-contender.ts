import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

export type ImageRowKind = "gradient" | "hvp" | "hvp-linearized";

export interface ImageRequest {
  readonly row: ImageRowKind;
  readonly iterations: number;
}

export interface ImageMeasurement {
  readonly milliseconds: readonly number[];
  /** Of all threads, per call. */
  readonly processorMilliseconds: number;
  /** Of the whole process since it started. */
  readonly peakMegabytes: number;
  /** Wrote the gradient or the product to this file, float32. */
  readonly result: string;
  /** Which of its formulations it took, where it has several. */
  readonly variant?: string;
}

export interface Absent {
  readonly absent: string;
}

/** A process that answers timing requests on one network and one batch, one JSON object a line. */
export interface ImageContender {
  readonly name: string;
  measure(request: ImageRequest): Promise<ImageMeasurement | Absent>;
  stop(): Promise<void>;
}

export async function startImageContender(name: string, command: readonly string[]): Promise<ImageContender> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout! });
  await nextLine(child, lines, name);
  return {
    name,
    async measure(request) {
      child.stdin!.write(`${JSON.stringify(request)}\n`);
      return JSON.parse(await nextLine(child, lines, name)) as ImageMeasurement | Absent;
    },
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.stdin!.end();
      }),
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
