import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { InstanceName } from "./plan.ts";
import { logPath } from "./store.ts";

/** The output of one execution, on disk and, the last of it, in memory for a failure's message. */
export interface Log {
  line(text: string): void;
  tail(): readonly string[];
  close(): void;
}

const TAIL = 20;

/** Starts an instance's log anew: `.pipeline/logs/INSTANCE.log`. */
export function openLog(workspace: string, instance: InstanceName): Log {
  const path = join(workspace, logPath(instance));
  let file: number;
  try {
    file = openSync(path, "w");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true });
    file = openSync(path, "w");
  }
  const last: string[] = [];
  let open = true;
  return {
    line(text) {
      last.push(text);
      if (last.length > TAIL) last.shift();
      if (!open) return;
      try {
        writeSync(file, `${text}\n`);
      } catch {
        // A full disk must not stop a stage that does not need it; the outs will tell if they do.
      }
    },
    tail: () => [...last],
    close() {
      if (open) closeSync(file);
      open = false;
    },
  };
}
