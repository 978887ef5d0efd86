import { execFile } from "node:child_process";
import { rmSync } from "node:fs";

/** Removes folders beside the driver: on some file systems that takes milliseconds a folder, in which it would hear nothing. */
export interface Removals {
  add(folder: string): void;
  /** Resolves when all of them are gone. */
  done(): Promise<void>;
}

export function openRemovals(): Removals {
  let last: Promise<void> = Promise.resolve();
  return {
    add(folder) {
      // What a node still holds open may not go yet: gc gets it.
      last = last.then(() => new Promise((fulfil) => execFile("rm", ["-rf", "--", folder], () => fulfil())));
    },
    done: () => last,
  };
}

/** At once; what cannot go stays. */
export function removeNow(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // Nobody looks there any more.
  }
}
