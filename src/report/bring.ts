import type { ActionRecord } from "../engine/plan/outcome.ts";
import type { Digest, InstanceName, Key } from "../engine/plan/plan.ts";
import type { PipelineLock } from "../engine/run/pipeline-lock.ts";
import type { Engine } from "../engine/survey/engine.ts";
import type { SnapshotOut } from "./snapshot.ts";

/** Has a file out's bytes in the local cache, or says why they cannot be had. */
export type Bring = (out: SnapshotOut, most?: number) => Promise<string | undefined>;

/** A picture or a table beyond this is not fetched. */
const MOST = 32 << 20;

/** Fetches from the remote cache what this machine does not have. Its size is known where the recorded result is. */
export function openBring({ cas, remote, actions }: Engine, lock: PipelineLock): Bring {
  return async ({ content, instance }, most = MOST) => {
    const digest = content.replace(/\+x$/, "") as Digest;
    if (cas.has(digest)) return undefined;
    if (remote === undefined) return "not in this machine's cache";
    const key = lock.get(instance as InstanceName)?.key;
    const known = Object.values((key && actions.get(key)?.outs) ?? {}).find((out) => out.digest === digest);
    if (known !== undefined && known.bytes > most) return "too large to be shown";
    const result = { kind: "file", digest, bytes: known?.bytes ?? most, executable: false } as const;
    switch (await remote.fetch(result)) {
      case "here":
        return undefined;
      case "missing":
        return "in no cache";
      case "corrupted":
        return "damaged in the remote cache";
      case "unknown":
        return "not to be had: the remote cache did not answer";
    }
  };
}

/**
 * The engine with the action records of these keys, which tell what decided a result; those that nobody has are missing. They
 * are known while it is open and no longer: nobody has compared them with a plan, and a run must not find them.
 */
export async function informed(
  engine: Engine,
  wanted: readonly { readonly name: InstanceName; readonly key: Key }[],
): Promise<Engine> {
  const { actions, remote, warn } = engine;
  const found = new Map<Key, ActionRecord>();
  const look = async (name: InstanceName, key: Key): Promise<void> => {
    const looked = await remote?.look(key, { name, outs: [] });
    if (looked?.type === "found") found.set(key, looked.record);
    else if (looked?.type === "unusable") warn(looked.why);
  };
  await Promise.all(wanted.flatMap(({ name, key }) => (actions.get(key) === undefined ? [look(name, key)] : [])));
  return { ...engine, actions: { ...actions, get: (key) => found.get(key) ?? actions.get(key) } };
}
