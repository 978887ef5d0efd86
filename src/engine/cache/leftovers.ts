import { rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { isBusy, tryLock } from "../files/lock.ts";
import { logPath, type Store } from "../files/store.ts";
import type { InstanceName, Key, Plan } from "../plan/plan.ts";
import { bytesBelow, type Entry, entriesIn, namesIn } from "../system/entries.ts";
import { closeResume } from "./resume.ts";

/** Something in the cache that is no result and that no plan has a use for; a file or a folder. */
export interface Leftover extends Entry {
  /**
   * `log`: the output of an instance. `plan`: an expanded pipeline.yaml. `resume`: what an unfinished action keeps.
   * `bundle`: code that no result names. `quarantine`: a blob that was found corrupted. `submission`: what jobs of a cluster
   * and their driver told each other. `program`: what such jobs ran.
   */
  readonly kind: "log" | "plan" | "resume" | "bundle" | "quarantine" | "submission" | "program";
  readonly name: string;
  readonly bytes: number;
}

/** What is left of instances and profiles that none of these plans (the pipeline file with every profile) has. */
export function leftoversOf(store: Store, plans: readonly Plan[], reached: ReadonlySet<Key>): Leftover[] {
  const logs = new Set(plans.flatMap(({ instances }) => instances.map(({ name }) => basename(logPath(name)))));
  // Profiles whose names are no file names share the default one's.
  const profiles = new Set(["default", ...plans.flatMap(({ profile, profiles = [] }) => [profile, ...profiles])]);
  return [
    ...entriesIn(join(store.root, "logs"), 0)
      .filter(({ file }) => !logs.has(basename(file)))
      .map((entry) => leftover("log", basename(entry.file, ".log"), entry)),
    // Also what a killed process was writing: PROFILE.json.RANDOM.
    ...entriesIn(join(store.root, "plans"), 0)
      .filter(({ file }) => !file.endsWith(".json") || !profiles.has(basename(file, ".json")))
      .map((entry) => leftover("plan", basename(entry.file), entry)),
    ...namesIn(join(store.root, "resume")).flatMap((name) => {
      const folder = join(store.root, "resume", name);
      return namesIn(folder).flatMap((key): Leftover[] => {
        const file = join(folder, key);
        // Its time is that of what was last written there.
        const stats = statSync(file, { throwIfNoEntry: false });
        if (stats === undefined || reached.has(key as Key)) return [];
        return [{ kind: "resume", name, bytes: bytesBelow(file), file, stats }];
      });
    }),
  ];
}

export function leftover(kind: Leftover["kind"], name: string, entry: Entry): Leftover {
  return { kind, name, bytes: entry.stats.size, ...entry };
}

export function removeLeftover(store: Store, { kind, file, name }: Leftover): void {
  if (kind !== "resume") {
    rmSync(file, { recursive: true, force: true, maxRetries: 3 });
    return;
  }
  // Somebody may be going on from it, with params that no profile has.
  const key = basename(file) as Key;
  const lock = tryLock(store, store.lock(key));
  if (isBusy(lock)) return;
  closeResume(store, name as InstanceName, key);
  lock.release();
}
