import { readSync, write } from "node:fs";
import { promisify } from "node:util";

/**
 * What is read, looked at and written at a time. It stays in the core's own cache (L2) meanwhile; and Linux takes pages as large as a
 * write for it: much larger ones are hard to find, smaller ones cost more.
 */
const CHUNK = 1 << 19;

/**
 * Copies an open file into another, and shows every byte, in order, on its way: what was looked at is what was written.
 * Reading and looking are done here, where nothing else could be done meanwhile, and writing on a thread of Node's: two
 * processors take no longer than the kernel's own copy. (That one, `copy_file_range`, goes page by page on ext4, and the bytes
 * would have to be read all the same.)
 */
export async function copyThrough(from: number, to: number, look: (bytes: Buffer) => void): Promise<void> {
  const buffers = [Buffer.allocUnsafeSlow(CHUNK), Buffer.allocUnsafeSlow(CHUNK)] as const;
  // One at a time: a file's writes wait for each other.
  let writing: Promise<void> = Promise.resolve();
  try {
    for (let turn = 0, position = 0; ; turn++) {
      const buffer = buffers[turn % 2]!;
      const filled = readSync(from, buffer, 0, CHUNK, position);
      const bytes = buffer.subarray(0, filled);
      if (filled > 0) look(bytes);
      await writing;
      if (filled === 0) return;
      writing = writeAll(to, bytes, position);
      // Awaited a turn later.
      writing.catch(() => undefined);
      position += filled;
    }
  } finally {
    // The file must not be closed under a write: its number may be another's by then.
    await writing.catch(() => undefined);
  }
}

async function writeAll(file: number, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await writeAsync(file, bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

const writeAsync = promisify(write);
