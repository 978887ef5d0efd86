import { type Dirent, readdirSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { Environment } from "../plan/environment.ts";
import { deviceStamp, fileStamp, folderStamp, isSettled, stampOf, statsOf } from "../system/stamp.ts";

/**
 * What a process saw of its surroundings, as stamps: where all of it is still so, it would see the same again. Paths are
 * absolute or workspace-relative. Whatever cannot be recognised for sure is a doubt, and the whole then says nothing.
 */
export interface Sightings {
  /** A regular file by its stamp, whose content is known under it; or, with `""`, that there is none. */
  file(path: string, stamp: string): void;
  /** Looks at a file that is about to be read. */
  willRead(path: string): void;
  /** Looks at a folder that is about to be listed. */
  willList(path: string): void;
  /** Looks at a folder and all that are in it, but for those that `skips` takes out by their workspace-relative paths. */
  willWalk(path: string, skips: (path: string) => boolean): void;
  /** What a platform watches, by its own stamps. */
  watched(path: string, stamp: string): void;
  variable(name: string, value: string | undefined): void;
  doubt(): void;
  /** Everything so far; `undefined` after a doubt. */
  all(): Seen | undefined;
}

/** As it is kept: lists of pairs. */
export interface Seen {
  readonly files: Pairs;
  readonly folders: Pairs;
  readonly watched: Pairs;
  readonly variables: readonly (readonly [name: string, value: string | null])[];
}
type Pairs = readonly (readonly [path: string, stamp: string])[];

/** More folders than this are not looked at one by one in each run. */
const MOST_FOLDERS = 2000;

export function openSightings(workspace: string): Sightings {
  const kinds = { files: new Map<string, string>(), folders: new Map<string, string>() };
  const watched = new Map<string, string>();
  const variables = new Map<string, string | null>();
  let doubtful = false;
  const note = <V>(map: Map<string, V>, name: string, value: V): void => {
    if (doubtful) return;
    const before = map.get(name);
    if (before === undefined) map.set(name, value);
    // It changed meanwhile: nobody knows which of the two was read.
    else if (before !== value) doubtful = true;
  };
  const look = (kind: keyof typeof kinds, path: string): void => {
    // What changes after the first look is not as it was seen.
    if (doubtful || kinds[kind].has(path)) return;
    const at = Date.now();
    const stats = statsOf(placeOf(workspace, path));
    const is = kind === "files" ? stats?.isFile() : stats?.isDirectory();
    if (stats !== undefined && is === true && !isSettled(stats, at)) doubtful = true;
    note(kinds[kind], path, stats !== undefined && is === true ? stampOf(stats) : "");
  };
  const sightings: Sightings = {
    file: (path, stamp) => note(kinds.files, path, stamp),
    willRead: (path) => look("files", path),
    willList: (path) => look("folders", path),
    willWalk(path, skips) {
      const open = [path];
      for (let folder = open.pop(); folder !== undefined && !doubtful; folder = open.pop()) {
        sightings.willList(folder);
        if (kinds.folders.size > MOST_FOLDERS) doubtful = true;
        for (const entry of entriesOf(placeOf(workspace, folder))) {
          const inner = folder === "" ? entry.name : `${folder}/${entry.name}`;
          if (skips(inner)) continue;
          if (entry.isDirectory()) open.push(inner);
          // What it leads to may appear, go or change without its folder.
          else if (entry.isSymbolicLink()) doubtful = true;
        }
      }
    },
    watched: (path, stamp) => note(watched, path, stamp),
    variable: (name, value) => note(variables, name, value ?? null),
    doubt() {
      doubtful = true;
    },
    all() {
      if (doubtful) return undefined;
      return {
        files: [...kinds.files],
        folders: [...kinds.folders],
        watched: [...watched],
        variables: [...variables],
      };
    },
  };
  return sightings;
}

/** Whether all of it would be seen again. What cannot be looked at any more throws. */
export function isStillSo(seen: Seen, workspace: string, environment: Environment): boolean {
  return (
    seen.variables.every(([name, value]) => (environment[name] ?? null) === value) &&
    seen.files.every(([path, stamp]) => fileStamp(placeOf(workspace, path)) === stamp) &&
    seen.folders.every(([path, stamp]) => folderStamp(placeOf(workspace, path)) === stamp) &&
    seen.watched.every(([path, stamp]) => deviceStamp(path) === stamp)
  );
}

function placeOf(workspace: string, path: string): string {
  return isAbsolute(path) ? path : `${workspace}/${path}`;
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
