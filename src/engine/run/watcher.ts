import { type FSWatcher, lstatSync, readdirSync, watch } from "node:fs";
import { join } from "node:path";

/** Tells when something in a workspace has changed. */
export interface Watcher {
  /** Resolves when something has changed since it last resolved and has then been quiet; at once after `close`. */
  changed(): Promise<void>;
  close(): void;
}

/** An editor saves in several steps: what comes within this time is one change. */
const QUIET_MS = 100;

/**
 * Watches a folder and all below it, from now on: what changes while nobody waits is told by the next `changed`.
 * `ignored` is asked with paths relative to the folder. Throws where the system allows no more watches (ENOSPC, EMFILE).
 */
export function openWatcher(root: string, ignored: (path: string) => boolean): Watcher {
  const folders = new Map<string, FSWatcher>();
  let dirty = false;
  let closed = false;
  let waiting: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  const settle = (): void => {
    if (waiting === undefined || !(dirty || closed)) return;
    clearTimeout(timer);
    const tell = (): void => {
      dirty = false;
      waiting?.();
      waiting = undefined;
    };
    if (closed) tell();
    else timer = setTimeout(tell, QUIET_MS);
  };
  const touch = (): void => {
    dirty = true;
    settle();
  };
  const forget = (folder: string): void => {
    folders.get(folder)?.close();
    folders.delete(folder);
  };
  // Folder by folder: Node's own recursive watch looks into node_modules and at every file.
  const add = (folder: string): void => {
    if (closed || folders.has(folder)) return;
    try {
      const watcher = watch(join(root, folder), (_event, name) => {
        const path = name === null ? folder : join(folder, name);
        if (path !== "" && ignored(path)) return;
        touch();
        const stats = lstatSync(join(root, path), { throwIfNoEntry: false });
        if (stats?.isDirectory() && path !== folder) add(path);
        else if (stats === undefined) forget(path);
      });
      watcher.on("error", () => forget(folder));
      folders.set(folder, watcher);
      for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory() && !ignored(path)) add(path);
      }
    } catch (error) {
      // Gone again already.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  };
  const close = (): void => {
    closed = true;
    for (const folder of [...folders.keys()]) forget(folder);
    settle();
  };
  try {
    add("");
  } catch (error) {
    close();
    throw error;
  }
  return {
    changed: () =>
      new Promise((fulfil) => {
        waiting = fulfil;
        settle();
      }),
    close,
  };
}
