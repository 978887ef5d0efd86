import { join } from "node:path";
import type { Sightings } from "../files/sightings.ts";
import type { Store } from "../files/store.ts";
import { openTable } from "../files/table.ts";
import { isFailure } from "../keys/code-digest.ts";
import type { Inputs } from "../keys/inputs.ts";
import { manifestOf } from "../keys/key.ts";
import { digestOf } from "../plan/digest.ts";
import { keyOf } from "../plan/manifest.ts";
import { contentOf, type Outs } from "../plan/outcome.ts";
import type { Digest, Instance, InstanceName, Key, Plan } from "../plan/plan.ts";
import { producersOf } from "../survey/survey.ts";
import { replaceFile } from "../system/replace-file.ts";
import { fileStamp } from "../system/stamp.ts";
import {
  LOCK_FILE,
  type LockEntry,
  type PipelineLock,
  readPipelineLock,
  serialisePipelineLock,
} from "./pipeline-lock.ts";

/** An instance that is up to date, and what it gave. */
export interface Done {
  readonly instance: Instance;
  readonly key: Key;
  readonly outs: Outs;
}

/**
 * Brings `pipeline.lock` up to date with what is done (in plan order), and says in a sentence when that was not possible.
 *
 * An entry is kept while its study is unchanged: another machine, or another run of something that is not deterministic,
 * is compared with the record and does not overwrite it, unless `accept`. Entries of instances that the plan no longer
 * has go away. The file is written only when its content changes.
 */
export function recordResults(plan: Plan, inputs: Inputs, done: readonly Done[], accept: boolean): string | undefined {
  const before = readPipelineLock(plan.workspace);
  if (typeof before === "string") return `${before}: it was left as it is; correct or remove it, then run again`;
  const named = new Set(plan.instances.map(({ name }) => name));
  const lock = new Map([...before].filter(([name]) => named.has(name)));
  /** Whose recorded outs are what is here. */
  const same = new Set<InstanceName>();
  let changed = lock.size !== before.size;
  for (const { instance, key, outs } of done) {
    const { name, platform } = instance;
    const entry = lock.get(name);
    const contents = Object.fromEntries(Object.entries(outs).map(([out, result]) => [out, contentOf(result)]));
    if (entry !== undefined && equalOuts(entry.outs, contents)) {
      same.add(name);
      if (entry.key === key && producersOf(instance).every((producer) => same.has(producer))) continue;
    }
    const study = studyOf(instance, inputs, lock);
    if (study === undefined || (entry?.study === study && !(accept && !same.has(name)))) continue;
    const facts = platform === undefined ? undefined : inputs.facts(platform);
    lock.set(name, { key, study, platform: facts, outs: contents });
    same.add(name);
    changed = true;
  }
  if (!changed) return undefined;
  const text = serialisePipelineLock(lock);
  if (text === serialisePipelineLock(before)) return undefined;
  try {
    replaceFile(join(plan.workspace, LOCK_FILE), text);
    return undefined;
  } catch (error) {
    return `${LOCK_FILE} could not be written: ${(error as Error).message}`;
  }
}

/** `recordResults`, unless all is as it was the last time and nobody has touched the file. */
export function recordOnce(
  store: Store,
  plan: Plan,
  inputs: Inputs,
  done: readonly Done[],
  sightings?: Sightings,
): string | undefined {
  const memo = openTable<readonly [stamp: string, state: Digest]>(store, "recorded", 1);
  const names = plan.instances.length === done.length ? "" : plan.instances.map(({ name }) => name).join();
  // A key holds its instance's name.
  const results = done.map(({ key, outs }) => `${key} ${Object.values(outs).map(contentOf).join()}`);
  const state = digestOf(`${results.join("\n")}\n${names}`);
  const last = memo.get(LOCK_FILE);
  const file = join(plan.workspace, LOCK_FILE);
  const stamp = fileStamp(file);
  sightings?.file(LOCK_FILE, stamp);
  if (last?.[0] === stamp && last[1] === state) return undefined;
  sightings?.doubt();
  const trouble = recordResults(plan, inputs, done, false);
  if (trouble === undefined) {
    memo.set(LOCK_FILE, [fileStamp(file), state]);
    try {
      memo.save();
    } catch {
      // Then the next run compares again.
    }
  }
  return trouble;
}

/** The digest of what an instance is asked, with deps as they are recorded: equal on every machine that asks the same. */
export function studyOf(instance: Instance, inputs: Inputs, lock: PipelineLock): Digest | undefined {
  const manifest = manifestOf(instance, inputs, (producer, out) => lock.get(producer)?.outs[out]);
  if (isFailure(manifest)) return undefined;
  const study = manifest.filter(([kind]) => kind !== "platform" && kind !== "env" && kind !== "format");
  return keyOf(study) as string as Digest;
}

export function equalOuts(a: LockEntry["outs"], b: LockEntry["outs"]): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
