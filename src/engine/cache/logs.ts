import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { logPath } from "../files/store.ts";
import type { InstanceName } from "../plan/plan.ts";

/** The output of one execution, on disk and, the last of it, in memory for a failure's message. */
export interface Log {
  line(text: string): void;
  tail(): readonly string[];
  close(): void;
}

const TAIL = 20;

/** Starts an instance's log anew: `.pipeline/logs/INSTANCE.log`, which is there once something has been printed. */
export function openLog(workspace: string, instance: InstanceName): Log {
  const path = join(workspace, logPath(instance));
  rmSync(path, { force: true });
  let file: number | undefined;
  const last: string[] = [];
  let open = true;
  return {
    line(text) {
      last.push(text);
      if (last.length > TAIL) last.shift();
      if (!open) return;
      try {
        file ??= create(path);
        writeSync(file, `${text}\n`);
      } catch {
        // A full disk must not stop a stage that does not need it; the outs will tell if they do.
      }
    },
    tail: () => [...last],
    close() {
      if (open && file !== undefined) closeSync(file);
      open = false;
    },
  };
}

function create(path: string): number {
  try {
    return openSync(path, "w");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, "w");
  }
}
