import type { OutCondition } from "../cache/materialise.ts";
import { parseTree } from "../files/tree.ts";
import { isFailure } from "../keys/code-digest.ts";
import { differences } from "../keys/explain.ts";
import type { Inputs } from "../keys/inputs.ts";
import { manifestOf, type Produced } from "../keys/key.ts";
import type { Failure, Reason } from "../plan/event.ts";
import { keyOf, type Manifest } from "../plan/manifest.ts";
import type { ActionRecord, Outs } from "../plan/outcome.ts";
import type { Instance, Key, PlannedOut } from "../plan/plan.ts";
import type { Remote } from "../remote/remote.ts";
import type { Engine } from "./engine.ts";

/** What has to be done for one instance whose deps are all there. */
export type Verdict =
  | { readonly state: "fresh"; readonly key: Key; readonly outs: Outs }
  | {
      readonly state: "restorable";
      readonly key: Key;
      readonly manifest: Manifest;
      readonly outs: Outs;
      /** Those that are not in their place. */
      readonly absent: readonly PlannedOut[];
      readonly reasons: readonly Reason[];
      /** Where blobs have to be fetched from the remote cache: whether nothing else is in an out's place meanwhile. */
      readonly remote?: "vacant" | "occupied";
    }
  | {
      readonly state: "stale";
      readonly key: Key;
      readonly manifest: Manifest;
      readonly reasons: readonly Reason[];
      /** The result that the cache has but that cannot be used: damaged, or not wanted (`--force`). */
      readonly known: Outs | undefined;
    }
  | { readonly state: "broken"; readonly failure: Failure };

/** Answers at once where the remote cache is not asked and the stat index knows the artifacts: a run that has nothing to do is one synchronous pass. */
export function examine(
  engine: Engine,
  inputs: Inputs,
  instance: Instance,
  produced: Produced,
  forced: boolean,
): Verdict | Promise<Verdict> {
  const manifest = manifestOf(instance, inputs, produced);
  if (isFailure(manifest)) return { state: "broken", failure: manifest };
  const key = keyOf(manifest);
  const past = engine.history.get(instance.name);
  const known = past?.key === key ? past.outs : engine.actions.get(key)?.outs;
  if (known === undefined && !forced && engine.remote !== undefined) {
    return lookElsewhere(engine, engine.remote, instance, key).then((found) =>
      judge(engine, instance, key, manifest, found, false),
    );
  }
  return judge(engine, instance, key, manifest, known, forced);
}

/** Asks the remote cache for a record, and keeps it: its blobs follow when they are needed. */
async function lookElsewhere(engine: Engine, remote: Remote, instance: Instance, key: Key): Promise<Outs | undefined> {
  const looked = await remote.look(key, instance);
  if (looked.type === "unusable") engine.warn(looked.why);
  if (looked.type !== "found") return undefined;
  engine.actions.put(looked.record);
  return looked.record.outs;
}

function judge(
  engine: Engine,
  instance: Instance,
  key: Key,
  manifest: Manifest,
  known: Outs | undefined,
  forced: boolean,
): Verdict | Promise<Verdict> {
  const past = engine.history.get(instance.name);
  if (forced) return { state: "stale", key, manifest, known, reasons: [reason("forced", "--force")] };
  if (known === undefined || instance.outs.some(({ name }) => known[name] === undefined)) {
    return { state: "stale", key, manifest, known: undefined, reasons: reasonsFor(engine, instance, manifest) };
  }
  const conditions = instance.outs.map((out) => engine.artifacts.inspect(out, known[out.name]!));
  const conclude = (found: readonly OutCondition[]): Verdict => {
    const absent = instance.outs.filter((_, index) => found[index] !== "same");
    if (absent.length === 0) {
      if (past?.key !== key) engine.history.note(instance.name, key, known, engine.actions.get(key));
      return { state: "fresh", key, outs: known };
    }
    const lost = absent.flatMap((out) => lostBlobs(engine, out, known));
    if (lost.length > 0 && engine.remote === undefined) return { state: "stale", key, manifest, known, reasons: lost };
    const changed = past === undefined || past.key === key ? [] : reasonsFor(engine, instance, manifest);
    const touched = absent.map((out) => reason("artifact", out.path, undefined, found[instance.outs.indexOf(out)]));
    const vacant = instance.outs.every((_, index) => found[index] !== "edited");
    return {
      state: "restorable",
      key,
      manifest,
      outs: known,
      absent,
      reasons: changed.length > 0 ? changed : touched,
      ...(lost.length === 0 ? {} : { remote: vacant ? "vacant" : "occupied" }),
    };
  };
  return conditions.some((condition) => typeof condition !== "string")
    ? Promise.all(conditions).then(conclude)
    : conclude(conditions as OutCondition[]);
}

/** What changed since the result that this workspace last had of the instance. */
export function reasonsFor(engine: Engine, instance: Instance, manifest: Manifest, unchangedDeps = false): Reason[] {
  const last = lastRecord(engine, instance);
  if (last === undefined) return [reason("never-run", instance.name)];
  return differences(last.manifest, manifest, { sources: (digest) => engine.code.sources(digest), unchangedDeps });
}

function lastRecord({ history, actions }: Engine, { name }: Instance): ActionRecord | undefined {
  for (const key of [...(history.get(name)?.keys ?? [])].reverse()) {
    const record = actions.get(key);
    if (record !== undefined) return record;
  }
  return undefined;
}

/** Blobs that a restore would need and that are gone. */
function lostBlobs({ cas }: Engine, out: PlannedOut, outs: Outs): Reason[] {
  const { kind, digest } = outs[out.name]!;
  if (kind === "file") return cas.has(digest) ? [] : [reason("blob", out.path, undefined, "missing")];
  const bytes = cas.read(digest);
  const tree = typeof bytes === "string" ? undefined : parseTree(bytes);
  if (tree === undefined) return [reason("blob", out.path, undefined, typeof bytes === "string" ? bytes : "corrupted")];
  const lost = tree.find((file) => !cas.has(file.digest));
  return lost === undefined ? [] : [reason("blob", `${out.path}/${lost.path}`, undefined, "missing")];
}

export function reason(kind: string, subject: string, before?: string, after?: string): Reason {
  return { kind, subject, before, after };
}
