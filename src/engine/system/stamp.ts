import { type BigIntStats, statSync } from "node:fs";

/** Older than any clock tick and any rounding of time stamps that a file system does (FAT: 2 s). Materialised files are dated this far back. */
export const SETTLED_MS = 3000;
const TICK_MS = 20;

const OPTIONS = { bigint: true, throwIfNoEntry: false } as const;

/** What `stat` says of a path; `undefined` where there is nothing. Other refusals are thrown. */
export function statsOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, OPTIONS);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Equal stamps: not written in between, if it was settled. */
export function stampOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string {
  return `${size}:${mtimeNs}:${ctimeNs}:${ino}`;
}

/** Whether a later write would be seen: what was written about when it was read (`at`, in ms) might be written again in the same tick of the clock, as git says *racily clean*. */
export function isSettled({ mtimeNs }: BigIntStats, at: number): boolean {
  // A whole second looks like a file system that keeps no fractions.
  const tick = mtimeNs % 1_000_000_000n === 0n ? SETTLED_MS - 500 : TICK_MS;
  return Number(mtimeNs / 1_000_000n) + tick < at;
}

/** Of a regular file, else `""`. */
export function fileStamp(path: string): string {
  const stats = statsOf(path);
  return stats?.isFile() ? stampOf(stats) : "";
}

/** Of a folder, else `""`: equal ones have the same names in them, if it was settled. */
export function folderStamp(path: string): string {
  const stats = statsOf(path);
  return stats?.isDirectory() ? stampOf(stats) : "";
}

/** Appearing, disappearing and being written count; the times of a device node do not, since using it changes them. */
export function deviceStamp(path: string): string {
  try {
    const { size, mtimeNs, ino, rdev, mode } = statSync(path, { bigint: true });
    const regular = (mode & 0o170000n) === 0o100000n;
    return regular ? `${size}:${mtimeNs}:${ino}` : `${ino}:${rdev}`;
  } catch {
    return "missing";
  }
}
