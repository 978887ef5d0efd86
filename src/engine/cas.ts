import {
  type BigIntStats,
  chmodSync,
  constants,
  copyFile,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { promisify } from "node:util";
import { digestFile, digestOf } from "./digest.ts";
import type { Digest } from "./plan.ts";
import { SETTLED_MS } from "./stat-index.ts";
import { moveTo, type Store } from "./store.ts";

/** What is wrong with a blob that was asked for. */
export type BlobDamage = "missing" | "corrupted";

/** Content-addressed storage: immutable, read-only blobs by the SHA-256 of their bytes. Every read verifies it. */
export interface Cas {
  has(digest: Digest): boolean;
  /** Takes a finished temporary file over; the caller has just computed its digest. */
  put(temporary: string, digest: Digest): void;
  putBytes(data: string): Digest;
  read(digest: Digest): Buffer | BlobDamage;
  /** Writes a verified, writable copy to a new path and returns its stats. */
  copy(digest: Digest, to: string, executable: boolean): Promise<BigIntStats | BlobDamage>;
}

/** Below this a copy is one read and one write; above it a reflink saves the bytes, and hashing goes in chunks. */
const SMALL = 1 << 18;
const copyFileAsync = promisify(copyFile);

export function openCas(store: Store): Cas {
  const damaged = (digest: Digest): BlobDamage => {
    // Out of the way, so that nothing finds it, and kept, so that one can look what happened to the disk.
    try {
      moveTo(store.blob(digest), store.quarantined(digest));
    } catch {
      // Read-only, or another process was faster: verifying again costs nothing but time.
    }
    return "corrupted";
  };
  const cas: Cas = {
    has: (digest) => existsSync(store.blob(digest)),
    put(temporary, digest) {
      chmodSync(temporary, 0o444);
      // Over what is there, too: equal if healthy, healed if not.
      moveTo(temporary, store.blob(digest));
    },
    putBytes(data) {
      const digest = digestOf(data);
      const temporary = store.scratch("blob");
      writeFileSync(temporary, data);
      cas.put(temporary, digest);
      return digest;
    },
    read(digest) {
      let bytes: Buffer;
      try {
        bytes = readFileSync(store.blob(digest));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return "missing";
        throw error;
      }
      return digestOf(bytes) === digest ? bytes : damaged(digest);
    },
    async copy(digest, to, executable) {
      const mode = executable ? 0o755 : 0o644;
      const size = statSync(store.blob(digest), { throwIfNoEntry: false })?.size;
      if (size === undefined) return "missing";
      if (size <= SMALL) {
        const bytes = cas.read(digest);
        if (typeof bytes === "string") return bytes;
        writeFileSync(to, bytes, { mode });
      } else {
        await copyFileAsync(store.blob(digest), to, constants.COPYFILE_FICLONE);
        if ((await digestFile(to)) !== digest) {
          rmSync(to, { force: true });
          return damaged(digest);
        }
        chmodSync(to, mode);
      }
      // Dated back, so that the stat index can trust it at once: any later write is then visible in the mtime.
      const settled = (Date.now() - SETTLED_MS) / 1000;
      utimesSync(to, settled, settled);
      return statSync(to, { bigint: true });
    },
  };
  return cas;
}

/** Moves a path away so that something can take its place, and says whether there was anything. */
export function setAside(path: string, aside: string): boolean {
  try {
    renameSync(path, aside);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
