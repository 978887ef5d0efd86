import { setMaxListeners } from "node:events";
import { parseTree } from "../files/tree.ts";
import type { Environment } from "../plan/environment.ts";
import type { RemoteTally } from "../plan/event.ts";
import type { OutResult } from "../plan/outcome.ts";
import type { Digest, Instance, InstanceName, Key, Plan } from "../plan/plan.ts";
import { isPlanFailure, type PlanFailure } from "../plan/plan-failure.ts";
import { closureOf } from "../plan/targets.ts";
import type { RemoteConfig } from "../remote/config.ts";
import { type Looked, openRemote, type Remote } from "../remote/remote.ts";
import { type Engine, inputsOf, openEngine, saveEngine } from "../survey/engine.ts";
import { survey } from "../survey/survey.ts";
import { explainIo } from "../system/io-error.ts";
import { limited } from "../system/limited.ts";

export interface Exchange {
  readonly plan: Plan;
  /** All instances where none is named. */
  readonly targets: readonly InstanceName[];
  readonly environment: Environment;
  readonly config: RemoteConfig;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

export interface Exchanged {
  /** Of the targets: those whose result is now where it was to be. */
  readonly results: number;
  /** Those that have no result to send or to fetch. */
  readonly missing: readonly InstanceName[];
  /** Those that did not get through. */
  readonly failed: readonly InstanceName[];
  readonly remote: RemoteTally;
}

export interface RemoteProblem {
  readonly reason: "missing-blob" | "corrupted-blob" | "unusable-record" | "unanswered";
  readonly instance: InstanceName;
  readonly message: string;
}

export interface RemoteReport {
  readonly results: number;
  /** Blobs that were asked for. */
  readonly blobs: number;
  /** Instances of which the cache has no result. */
  readonly missing: readonly InstanceName[];
  readonly problems: readonly RemoteProblem[];
  readonly remote: RemoteTally;
}

/** Instances at a time; requests have a bound of their own. */
const TOGETHER = 64;

/** Sends the results of the targets that are here. */
export function pushResults(exchange: Exchange): Promise<Exchanged | PlanFailure> {
  return known(exchange, false, async (engine, remote, found) => {
    const missing: InstanceName[] = [];
    const failed: InstanceName[] = [];
    let results = 0;
    await forEach(found, async ({ instance, key }) => {
      const record = key === undefined ? undefined : engine.actions.get(key);
      if (record === undefined) missing.push(instance.name);
      else if (await remote.send(record)) results++;
      else failed.push(instance.name);
    });
    const inOrder = ordered(found);
    return { results, missing: inOrder(missing), failed: inOrder(failed), remote: remote.tally() };
  });
}

/** Brings the results of the targets into the local cache, all their blobs; artifacts stay as they are. */
export function pullResults(exchange: Exchange): Promise<Exchanged | PlanFailure> {
  return known(exchange, true, async (engine, remote, found) => {
    const missing: InstanceName[] = [];
    const failed: InstanceName[] = [];
    let results = 0;
    await forEach(found, async ({ instance, key }) => {
      const record = key === undefined ? undefined : engine.actions.get(key);
      if (record === undefined) {
        missing.push(instance.name);
        return;
      }
      const fetched = await Promise.all(instance.outs.map(({ name }) => remote.fetch(record.outs[name]!)));
      if (fetched.every((answer) => answer === "here")) results++;
      else failed.push(instance.name);
    });
    const inOrder = ordered(found);
    return { results, missing: inOrder(missing), failed: inOrder(failed), remote: remote.tally() };
  });
}

/** Looks whether the cache has every blob of every result of the targets; with `full`, whether they have their digests. */
export function checkRemote(exchange: Exchange, full: boolean): Promise<RemoteReport | PlanFailure> {
  return known(exchange, true, async (engine, remote, found) => {
    const missing: InstanceName[] = [];
    const problems: RemoteProblem[] = [];
    const seen = new Map<Digest, Promise<boolean | undefined>>();
    let results = 0;
    const checkBlob = async (instance: InstanceName, { digest, path }: Blob, bytes: number): Promise<void> => {
      const asked = seen.get(digest) ?? remote.has(digest, bytes, full);
      seen.set(digest, asked);
      const there = await asked;
      if (there === true) return;
      const wrong = full && there === false && (await remote.has(digest, 0, false)) === true;
      const what = wrong ? "has other bytes" : there === undefined ? "was not to be had" : "is missing";
      const message = `the blob ${digest} of ${instance} (${path}) ${what}`;
      const reason = wrong ? "corrupted-blob" : there === undefined ? "unanswered" : "missing-blob";
      problems.push({ reason, instance, message });
    };
    await forEach(found, async ({ instance, key }) => {
      const { name } = instance;
      if (key === undefined) {
        missing.push(name);
        return;
      }
      const looked = await remote.look(key, instance);
      if (looked.type === "absent") missing.push(name);
      else if (looked.type === "unusable")
        problems.push({ reason: "unusable-record", instance: name, message: looked.why });
      else if (looked.type === "unknown") {
        problems.push({ reason: "unanswered", instance: name, message: `the result of ${name} was not to be had` });
      } else {
        results++;
        await Promise.all(
          Object.entries(looked.record.outs).map(async ([out, result]) => {
            const blobs = await blobsOf(engine, remote, out, result);
            await Promise.all(blobs.map((blob) => checkBlob(name, blob, result.bytes)));
          }),
        );
      }
    });
    const inOrder = ordered(found);
    const sorted = inOrder([...new Set(problems.map(({ instance }) => instance))]).flatMap((name) =>
      problems.filter(({ instance }) => instance === name),
    );
    return { results, blobs: seen.size, missing: inOrder(missing), problems: sorted, remote: remote.tally() };
  });
}

interface Blob {
  readonly digest: Digest;
  /** As it is told. */
  readonly path: string;
}

/** The blobs of an out: for a directory its tree, which is fetched, and what that names. */
async function blobsOf(engine: Engine, remote: Remote, out: string, result: OutResult): Promise<Blob[]> {
  const { digest } = result;
  const own = { digest, path: out };
  if (result.kind === "file") return [own];
  if ((await remote.fetch({ ...result, kind: "file", executable: false })) !== "here") return [own];
  const bytes = engine.cas.read(digest);
  const tree = typeof bytes === "string" ? undefined : parseTree(bytes);
  return [own, ...(tree ?? []).map((file) => ({ digest: file.digest, path: `${out}/${file.path}` }))];
}

interface Known {
  readonly instance: Instance;
  /** Where all that it is made of is known. */
  readonly key: Key | undefined;
}

/** Finds the keys of the targets, with what the remote cache knows of their deps where `asking`. */
async function known<T extends object>(
  { plan, targets, environment, config, signal, warn }: Exchange,
  asking: boolean,
  act: (engine: Engine, remote: Remote, found: readonly Known[]) => Promise<T>,
): Promise<T | PlanFailure> {
  setMaxListeners(0, signal);
  let remote: Remote | undefined;
  const engine = openEngine(plan, environment, signal, warn, {
    remote: (store, cas) => {
      remote = askingOnce(openRemote(config, store, cas, signal, warn, ""));
      return remote;
    },
  });
  try {
    const instances = targets.length === 0 ? plan.instances : closureOf(plan, targets);
    const inputs = await inputsOf(engine, instances);
    if (isPlanFailure(inputs)) return inputs;
    const { remote: _, ...local } = engine;
    const { findings } = await survey(asking ? engine : local, inputs, instances);
    const wanted = new Set(targets.length === 0 ? instances.map(({ name }) => name) : targets);
    const found = findings
      .filter(({ instance }) => wanted.has(instance.name))
      .map((finding): Known => {
        const verdict = "verdict" in finding ? finding.verdict : undefined;
        return { instance: finding.instance, key: verdict && "key" in verdict ? verdict.key : undefined };
      });
    return await act(engine, remote!, found);
  } catch (error) {
    const problem = explainIo(error, "using the cache in .pipeline");
    if (problem === undefined) throw error;
    return problem;
  } finally {
    remote?.close();
    saveEngine(engine);
    engine.store.close();
  }
}

async function forEach<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const inTurn = limited(TOGETHER);
  await Promise.all(items.map((item) => inTurn(() => act(item))));
}

/** Names as they came, in the order of the plan. */
function ordered(found: readonly Known[]): (names: readonly InstanceName[]) => InstanceName[] {
  return (names) => {
    const given = new Set(names);
    return found.flatMap(({ instance: { name } }) => (given.has(name) ? [name] : []));
  };
}

/** The same, asked once for each key. */
function askingOnce(remote: Remote): Remote {
  const looked = new Map<Key, Promise<Looked>>();
  return {
    ...remote,
    look(key, instance) {
      const asked = looked.get(key) ?? remote.look(key, instance);
      looked.set(key, asked);
      return asked;
    },
  };
}
