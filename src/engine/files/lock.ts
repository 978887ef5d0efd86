import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isAlive, ownIdentity, type ProcessIdentity } from "../system/identity.ts";
import type { Store } from "./store.ts";

export interface Lock {
  release(): void;
}

/** Someone else has it: who, when that can be read. */
export interface Busy {
  readonly holder: ProcessIdentity | undefined;
}

/** A holder touches its locks this often, so that another machine can tell a dead one from a slow one. */
const HEARTBEAT_MS = 10_000;
const SILENT_MS = 60_000;
const POLL_MS = 50;

const claims = new WeakMap<Store, string>();
const held = new Set<string>();
let heartbeat: NodeJS.Timeout | undefined;

/**
 * Takes a lock without waiting. A lock is a file that says who holds it; a dead holder's is taken over. Locks save work
 * and are not what correctness rests on: results are published by rename, so two holders would only work twice.
 */
export function tryLock(store: Store, path: string): Lock | Busy {
  const claim = claimOf(store, path);
  for (;;) {
    if (link(claim, path)) return hold(path);
    const holder = readHolder(path);
    if (holder === "free") continue;
    if (!isDead(path, holder)) return { holder: holder === "unreadable" ? undefined : holder };
    takeAway(store, path);
  }
}

/** All locks of a process say the same: they are links to one file. It is touched, since its time is that of each lock. */
function claimOf(store: Store, path: string): string {
  let claim = claims.get(store);
  if (claim === undefined || !existsSync(claim)) {
    claim = store.scratch("lock");
    writeFileSync(claim, JSON.stringify(ownIdentity()));
    claims.set(store, claim);
    sweep(store, dirname(path));
  }
  const now = new Date();
  utimesSync(claim, now, now);
  return claim;
}

/** Locks of the dead whose results nobody has to make again: someone was killed between keeping a result and letting go. */
function sweep(store: Store, folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const path = join(folder, name);
    const holder = readHolder(path);
    if (holder !== "free" && isDead(path, holder)) takeAway(store, path);
  }
}

export function isBusy(lock: Lock | Busy): lock is Busy {
  return "holder" in lock;
}

/** Resolves when the lock may be free, or at once when the run is interrupted. */
export async function lockFreed(path: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const holder = readHolder(path);
    if (holder === "free" || isDead(path, holder)) return;
    await new Promise<void>((fulfil) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        fulfil();
      };
      const timer = setTimeout(done, POLL_MS);
      signal.addEventListener("abort", done);
    });
  }
}

/** Creates the lock with its content in one step, so that a kill never leaves an empty one. */
function link(claim: string, path: string, again = true): boolean {
  try {
    linkSync(claim, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code === "ENOENT" && again) {
      mkdirSync(dirname(path), { recursive: true });
      return link(claim, path, false);
    }
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS" && code !== "EMLINK") throw error;
  }
  // No hard links on this file system.
  try {
    writeFileSync(path, readFileSync(claim), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function hold(path: string): Lock {
  held.add(path);
  heartbeat ??= setInterval(() => {
    const now = new Date();
    for (const each of held) {
      try {
        utimesSync(each, now, now);
      } catch {
        // Taken away by hand: the work goes on.
      }
    }
  }, HEARTBEAT_MS).unref();
  return {
    release() {
      if (!held.delete(path)) return;
      if (held.size === 0) {
        clearInterval(heartbeat);
        heartbeat = undefined;
      }
      const { host, pid, start } = ownIdentity();
      const holder = readHolder(path);
      // Not if someone took it over, believing us dead.
      if (typeof holder === "object" && holder.host === host && holder.pid === pid && holder.start === start)
        rmSync(path, { force: true });
    },
  };
}

function readHolder(path: string): ProcessIdentity | "free" | "unreadable" {
  try {
    const { host, pid, start } = JSON.parse(readFileSync(path, "utf8")) as ProcessIdentity;
    if (typeof host === "string" && typeof pid === "number" && typeof start === "string") return { host, pid, start };
    return "unreadable";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "free" : "unreadable";
  }
}

function isDead(path: string, holder: ProcessIdentity | "unreadable"): boolean {
  const alive = holder === "unreadable" ? undefined : isAlive(holder);
  if (alive !== undefined) return !alive;
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined || Date.now() - stats.mtimeMs > SILENT_MS;
}

/** Renaming gives the file to exactly one of those who try; what it got is checked again, and put back if it was live. */
function takeAway(store: Store, path: string): void {
  const aside = store.scratch("stale-lock");
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const holder = readHolder(aside);
  if (holder !== "free" && !isDead(aside, holder)) link(aside, path);
  rmSync(aside, { force: true });
}
