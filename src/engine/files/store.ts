import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { digestOf } from "../plan/digest.ts";
import type { Digest, InstanceName, Key } from "../plan/plan.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "../system/identity.ts";

/** The layout below `.pipeline/`; each record carries it, and one of another version is a miss. docs/engine.md draws it. */
export const CACHE_FORMAT = 1;

/** Where everything lies below `.pipeline/`. Paths are absolute; nothing is created until something is written. */
export interface Store {
  readonly workspace: string;
  readonly root: string;
  blob(digest: Digest): string;
  /** Blobs whose bytes no longer have their digest are moved here. */
  quarantined(digest: Digest): string;
  action(key: Key): string;
  /** The JavaScript of a code digest; its source map and description lie beside it (`.map`, `.json`). */
  bundle(digest: Digest): string;
  index(name: string): string;
  lock(key: Key): string;
  /** What an unfinished action keeps for going on. */
  resume(instance: InstanceName, key: Key): string;
  /** A path of this process's own that nothing else uses; its folder exists. */
  scratch(label: string): string;
  /** A folder path for one action; it may hold empty folders of an earlier one. */
  work(): string;
  /** Takes that folder back, with whatever is left in it. */
  finished(folder: string): void;
  /** Writes a whole file or nothing: under another name first, then renamed. */
  publish(path: string, data: string | Uint8Array): void;
  /** Removes this process's scratch paths. */
  close(): void;
}

/** Several stores of one process must not share scratch paths. */
let opened = 0;

export function openStore(workspace: string): Store {
  const root = join(workspace, ".pipeline");
  const blobs = join(root, "cas", "sha256", sep);
  let own: string | undefined;
  let counter = 0;
  const spare: string[] = [];
  const scratch = (label: string): string => {
    if (own === undefined) {
      const folder = join(root, "tmp", `${nameOf(ownIdentity())}~${opened++}`);
      makeFolder(folder);
      own = folder;
      removeAbandoned(join(root, "tmp"));
    }
    return `${own}${sep}${counter++}-${label}`;
  };
  return {
    workspace,
    root,
    // No join(): it takes longer than asking the file system.
    blob: (digest) => `${blobs}${digest.slice(0, 2)}${sep}${digest}`,
    quarantined: (digest) => join(root, "quarantine", digest),
    action: (key) => join(root, "actions", key.slice(0, 2), `${key}.json`),
    bundle: (digest) => join(root, "bundles", `${digest}.mjs`),
    index: (name) => join(root, "index", `${name}.json`),
    lock: (key) => join(root, "locks", `${key}.lock`),
    resume: (instance, key) => join(root, "resume", fileName(instance), key),
    scratch,
    work() {
      const folder = scratch("action");
      const used = spare.pop();
      // Renamed, so that a process that an earlier action has left behind finds nothing by its old name.
      if (used !== undefined) renameSync(used, folder);
      return folder;
    },
    finished(folder) {
      // Removing a folder can take a millisecond of waiting for the disk; mostly they are empty, and serve again.
      if (isUnused(folder)) spare.push(folder);
      else rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
    publish(path, data) {
      const temporary = scratch("file");
      writeFileSync(temporary, data);
      moveTo(temporary, path);
    },
    close() {
      if (own !== undefined) rmSync(own, { recursive: true, force: true });
      own = undefined;
      spare.length = 0;
    },
  };
}

/** The log of an instance's last execution, workspace-relative with `/`. */
export function logPath(instance: InstanceName): string {
  return `.pipeline/logs/${fileName(instance)}.log`;
}

/** File systems stop at 255 bytes a name, and a matrix may have many keys. */
function fileName(instance: InstanceName): string {
  return instance.length <= 200 ? instance : `${instance.slice(0, 180)}~${digestOf(instance).slice(0, 12)}`;
}

/** Renames, making the folder only when it turns out to be missing: most are there already. */
export function moveTo(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    makeFolder(dirname(to));
    renameSync(from, to);
  }
}

/** Like `mkdir -p`. Node's own tells ENOENT where the truth is that the file system is read-only. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(folder) === folder) throw error;
    makeFolder(dirname(folder));
    // Still not there: the folder it is in is a link that leads nowhere.
    mkdirSync(folder, { recursive: true });
  }
}

/** Other processes that may be writing to this cache: alive, or another machine's, of which nobody here can tell. */
export function otherWriters(store: Store): readonly ProcessIdentity[] {
  let names: string[];
  try {
    names = readdirSync(join(store.root, "tmp"));
  } catch {
    return [];
  }
  return names.map(identityIn).filter((identity) => identity.pid !== process.pid && isAlive(identity) !== false);
}

function identityIn(name: string): ProcessIdentity {
  const [host = "", pid = "", start = ""] = name.split("~").map(decodeURIComponent);
  return { host, pid: Number(pid), start };
}

function nameOf({ host, pid, start }: ProcessIdentity): string {
  return `${encodeURIComponent(host)}~${pid}~${encodeURIComponent(start)}`;
}

/** What processes that were killed left behind. Another machine's folders are left alone: nobody here can tell. */
function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (isAlive(identityIn(name)) !== false) continue;
    try {
      rmSync(join(folder, name), { recursive: true, force: true });
    } catch {
      // A program that the dead process had started is still writing there: the next run will get it.
    }
  }
}

/** What an action needs is there, and empty; and nothing else, such as what a rehearsal kept to go on from. */
function isUnused(folder: string): boolean {
  const names = ["outs", "tmp"];
  return readdirSync(folder).length === names.length && names.every((name) => isEmpty(join(folder, name)));
}

function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch {
    return false;
  }
}
