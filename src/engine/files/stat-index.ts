import type { BigIntStats } from "node:fs";
import { digestFile } from "../plan/digest.ts";
import type { Digest } from "../plan/plan.ts";
import { isSettled, stampOf, statsOf } from "../system/stamp.ts";
import type { Sightings } from "./sightings.ts";
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

type Entry = readonly [stamp: string, digest: Digest];

/** `trust: false` reads every file once again, whatever was remembered, for `pipeline verify`. What is not known by its stamp is a doubt. */
export function openStatIndex(store: Store, trust = true, sightings?: Sightings): StatIndex {
  const table = trust ? openTable<Entry>(store, "files", 1) : forgetful<Entry>();
  const regular = (path: string): BigIntStats | undefined => {
    const stats = statsOf(`${store.workspace}/${path}`);
    if (stats?.isFile()) return stats;
    sightings?.file(path, "");
    return undefined;
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
  const known = (path: string, stamp: string): Digest | undefined => {
    const entry = table.get(path);
    if (entry?.[0] === stamp) {
      sightings?.file(path, stamp);
      return entry[1];
    }
    sightings?.doubt();
    return undefined;
  };
  const glance = (path: string): Glance | undefined => {
    const stats = regular(path);
    if (stats === undefined) return undefined;
    const stamp = stampOf(stats);
    return { stamp, executable: isExecutable(stats), digest: known(path, stamp) };
  };
  return {
    glance,
    async digest(path) {
      for (;;) {
        const at = Date.now();
        const before = regular(path);
        if (before === undefined) return undefined;
        const stamp = stampOf(before);
        const state = { executable: isExecutable(before), bytes: Number(before.size), stamp };
        const remembered = known(path, stamp);
        if (remembered !== undefined) return { ...state, digest: remembered };
        try {
          const digest = await digestFile(`${store.workspace}/${path}`);
          // Written while it was read: what was hashed may be neither the old nor the new.
          const after = statsOf(`${store.workspace}/${path}`);
          if (after === undefined || stampOf(after) !== stamp) continue;
          remember(path, before, digest, at);
          return { ...state, digest };
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

export function isExecutable({ mode }: BigIntStats): boolean {
  return process.platform !== "win32" && (mode & 0o100n) !== 0n;
}

function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}
