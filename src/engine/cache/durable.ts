import { close, fsync, open } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { Environment } from "../plan/environment.ts";

/** Long enough that making it again hurts more than the disk's 13 to 20 ms a file. */
const WORTH_SECONDS = 10;

/**
 * After how many seconds of work a result is written through to the disk: `PIPELINE_SYNC_AFTER`, else ten. A power cut may
 * take what a system keeps in memory, some half a minute of writing; what is then found broken is made again.
 */
export function syncsAfter({ PIPELINE_SYNC_AFTER }: Environment): number {
  const seconds = Number(PIPELINE_SYNC_AFTER || WORTH_SECONDS);
  return Number.isNaN(seconds) ? WORTH_SECONDS : seconds;
}

/** Has these files on the disk, and the names that lead to them, before it resolves. Where a file system cannot, nothing is lost. */
export async function writeThrough(files: readonly string[]): Promise<void> {
  const queue = [...new Set(files), ...new Set(files.map(dirname))];
  const worker = async (): Promise<void> => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      try {
        const file = await openAsync(path, "r");
        await syncAsync(file).finally(() => closeAsync(file));
      } catch {
        // Collected meanwhile, or a file system without it.
      }
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
}

// node:fs/promises would be loaded by every run: half a millisecond for what mostly is not needed.
const [openAsync, syncAsync, closeAsync] = [promisify(open), promisify(fsync), promisify(close)];
