import { type BigIntStats, statSync } from "node:fs";
import { digestFile } from "./digest.ts";
import type { Digest } from "./plan.ts";
import type { Store } from "./store.ts";
import { forgetful, openTable } from "./table.ts";

/** A regular file as it is now. */
export interface FileState {
  readonly digest: Digest;
  readonly executable: boolean;
  readonly bytes: number;
  /** Equal stamps: not written in between. */
  readonly stamp: string;
}

export interface Glance {
  readonly stamp: string;
  readonly executable: boolean;
  /** `undefined` when the file has to be read to know. */
  readonly digest: Digest | undefined;
}

/**
 * Digests of files by what `stat` says of them (size, mtime, ctime, inode), so that an unchanged file is never read
 * again. As in git's index, a file that was written about when it was hashed is not remembered ("racily clean"): another
 * write in the same tick of the clock would leave the same stat.
 *
 * Paths are workspace-relative. `undefined` means: no such regular file.
 */
export interface StatIndex {
  /** One `stat`, nothing else. */
  glance(path: string): Glance | undefined;
  digest(path: string): Promise<FileState | undefined>;
  /**
   * Remembers the digest of a file that this process has just put in its place, with the stats that it then had. If another
   * process has put its own there since, or has written to it, they are not the path's and nothing has been learnt.
   */
  learn(path: string, digest: Digest, stats: BigIntStats): void;
  save(): void;
}

/** Older than any clock tick and any rounding of time stamps that a file system does (FAT: 2 s). Materialised files are dated this far back. */
export const SETTLED_MS = 3000;
const TICK_MS = 20;

const STAT = { bigint: true, throwIfNoEntry: false } as const;

type Entry = readonly [stamp: string, digest: Digest];

/** `trust: false` reads every file once again, whatever was remembered, for `pipeline verify`. */
export function openStatIndex(store: Store, trust = true): StatIndex {
  const table = trust ? openTable<Entry>(store, "files", 1) : forgetful<Entry>();
  const statsOf = (path: string): BigIntStats | undefined => {
    const stats = statSync(`${store.workspace}/${path}`, STAT);
    return stats?.isFile() ? stats : undefined;
  };
  const remember = (path: string, stats: BigIntStats, digest: Digest, at: number): void => {
    const entry = table.get(path);
    if (!isSettled(stats, at)) {
      if (entry !== undefined) table.delete(path);
      return;
    }
    const stamp = stampOf(stats);
    if (entry?.[0] !== stamp || entry[1] !== digest) table.set(path, [stamp, digest]);
  };
  const glance = (path: string): Glance | undefined => {
    let stats: BigIntStats | undefined;
    try {
      stats = statsOf(path);
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw error;
    }
    if (stats === undefined) return undefined;
    const stamp = stampOf(stats);
    const entry = table.get(path);
    return { stamp, executable: isExecutable(stats), digest: entry?.[0] === stamp ? entry[1] : undefined };
  };
  return {
    glance,
    async digest(path) {
      for (;;) {
        const at = Date.now();
        let before: BigIntStats | undefined;
        try {
          before = statsOf(path);
          if (before === undefined) return undefined;
          const stamp = stampOf(before);
          const entry = table.get(path);
          const known = { executable: isExecutable(before), bytes: Number(before.size), stamp };
          if (entry?.[0] === stamp) return { ...known, digest: entry[1] };
          const digest = await digestFile(`${store.workspace}/${path}`);
          // Written while it was read: what was hashed may be neither the old nor the new.
          const after = statsOf(path);
          if (after === undefined || stampOf(after) !== stamp) continue;
          remember(path, before, digest, at);
          return { ...known, digest };
        } catch (error) {
          if (isAbsence(error)) return undefined;
          throw error;
        }
      }
    },
    learn: (path, digest, stats) => remember(path, stats, digest, Date.now()),
    save: () => table.save(),
  };
}

export function stampOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string {
  return `${size}:${mtimeNs}:${ctimeNs}:${ino}`;
}

function isSettled({ mtimeNs }: BigIntStats, at: number): boolean {
  // A whole second looks like a file system that keeps no fractions.
  const tick = mtimeNs % 1_000_000_000n === 0n ? SETTLED_MS - 500 : TICK_MS;
  return Number(mtimeNs / 1_000_000n) + tick < at;
}

export function isExecutable({ mode }: BigIntStats): boolean {
  return process.platform !== "win32" && (mode & 0o100n) !== 0n;
}

function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}
