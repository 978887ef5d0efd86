import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  copyFile,
  existsSync,
  fstatSync,
  futimesSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { moveTo, type Store } from "../files/store.ts";
import { digestFile, digestOf, readThrough } from "../plan/digest.ts";
import type { Digest } from "../plan/plan.ts";
import { SETTLED_MS } from "../system/stamp.ts";
import { copyThrough } from "./copy-through.ts";
import { openSeals } from "./seals.ts";

/** What is wrong with a blob that was asked for. */
export type BlobDamage = "missing" | "corrupted";

/** Content-addressed storage: immutable, read-only blobs by the SHA-256 of their bytes. Every read verifies it. */
export interface Cas {
  has(digest: Digest): boolean;
  /** Takes a finished temporary file of so many bytes over, and finds its digest. */
  take(temporary: string, bytes: number): Promise<Digest>;
  /** The same where the caller has just computed the digest. */
  put(temporary: string, digest: Digest): void;
  putBytes(data: string): Digest;
  read(digest: Digest): Buffer | BlobDamage;
  /**
   * Writes a verified, writable copy to a new path, has it put in its place by `publish`, and returns its stats: a small one
   * at once. A copy that is not what it should be is removed instead.
   */
  copy(digest: Digest, to: string, executable: boolean, publish?: () => void): Copied | Promise<Copied>;
  /** Keeps what makes later copies fast. */
  save(): void;
}

export type Copied = BigIntStats | BlobDamage;

/** Below this a copy is one read and one write; above it, it goes in chunks, and the blob gets a seal. */
const SMALL = 1 << 18;
/** What file systems without shared copies answer. */
const NO_REFLINKS: ReadonlySet<string> = new Set(["ENOTSUP", "EOPNOTSUPP", "EXDEV", "EINVAL", "ENOSYS", "ENOTTY"]);
const copyFileAsync = promisify(copyFile);

export function openCas(store: Store): Cas {
  const small = Buffer.allocUnsafeSlow(SMALL);
  let canReflink = true;
  const seals = openSeals(store);
  /** Whether `to` now shares the blob's place on the disk; otherwise there is nothing, and the bytes have to be written. */
  const reflink = async (digest: Digest, to: string, mode: number): Promise<boolean> => {
    if (!canReflink) return false;
    try {
      await copyFileAsync(store.blob(digest), to, constants.COPYFILE_FICLONE_FORCE);
    } catch (error) {
      // Whatever else was the matter, copying will tell.
      if (NO_REFLINKS.has((error as NodeJS.ErrnoException).code ?? "")) canReflink = false;
      return false;
    }
    chmodSync(to, mode);
    return true;
  };
  const damaged = (digest: Digest): BlobDamage => {
    // Out of the way, so that nothing finds it, and kept, so that one can look what happened to the disk.
    try {
      moveTo(store.blob(digest), store.quarantined(digest));
    } catch {
      // Read-only, or another process was faster: verifying again costs nothing but time.
    }
    return "corrupted";
  };
  /** One after another: they would only share the thread that looks at them, and the cores' caches. */
  let copying: Promise<unknown> = Promise.resolve();
  const copyInTurn = (...copy: Parameters<typeof copyLarge>): Promise<Copied> => {
    const copied = copying.then(() => copyLarge(...copy));
    copying = copied.catch(() => undefined);
    return copied;
  };
  /** In chunks that are looked at while they are written: what was checked is what was written, and the blob is read once. */
  const copyLarge = async (
    digest: Digest,
    blob: number,
    to: string,
    mode: number,
    publish: () => void,
  ): Promise<Copied> => {
    try {
      // A seal that does not hold says nothing yet: the memo may be what is broken.
      for (const check of [seals.quick(digest), seals.thorough(digest)]) {
        if (check === undefined) continue;
        const shares = await reflink(digest, to, mode);
        const copy = openSync(to, shares ? "r+" : "wx", mode);
        try {
          if (shares) await readThrough(copy, check.look);
          else await copyThrough(blob, copy, check.look);
          if (check.holds()) return finish(copy, publish);
          rmSync(to, { force: true });
        } finally {
          closeSync(copy);
        }
      }
      return damaged(digest);
    } finally {
      closeSync(blob);
    }
  };
  const cas: Cas = {
    has: (digest) => existsSync(store.blob(digest)),
    async take(temporary, bytes) {
      const digest = await digestFile(temporary, bytes < SMALL ? undefined : seals.first());
      cas.put(temporary, digest);
      return digest;
    },
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
    copy(digest, to, executable, publish = () => undefined) {
      const mode = executable ? 0o755 : 0o644;
      let blob: number;
      try {
        blob = openSync(store.blob(digest), "r");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return "missing";
        throw error;
      }
      let isLarge = false;
      try {
        const length = readSync(blob, small, 0, SMALL, 0);
        // Shorter than the buffer: the end is reached.
        isLarge = length === SMALL;
        if (isLarge) return copyInTurn(digest, blob, to, mode, publish);
        const bytes = small.subarray(0, length);
        return digestOf(bytes) === digest ? writeNew(to, mode, bytes, publish) : damaged(digest);
      } finally {
        if (!isLarge) closeSync(blob);
      }
    },
    save: seals.save,
  };
  return cas;
}

/** Writes a new file at once. */
function writeNew(to: string, mode: number, bytes: Uint8Array, publish: () => void): BigIntStats {
  const copy = openSync(to, "wx", mode);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(copy, bytes, at);
    return finish(copy, publish);
  } finally {
    closeSync(copy);
  }
}

/**
 * Dates a finished file back, so that the stat index can trust it at once: any later write is then visible in the mtime.
 * Its stats are taken in its place, since renaming changes the ctime.
 */
function finish(copy: number, publish: () => void): BigIntStats {
  const settled = (Date.now() - SETTLED_MS) / 1000;
  futimesSync(copy, settled, settled);
  publish();
  return fstatSync(copy, { bigint: true });
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
