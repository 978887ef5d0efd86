import { setMaxListeners } from "node:events";
import { type Engine, inputsOf, isProblem, openEngine, saveEngine } from "../engine.ts";
import type { Environment } from "../environment.ts";
import type { RemoteTally } from "../event.ts";
import { explainIo } from "../io-error.ts";
import type { OutResult } from "../outcome.ts";
import type { Instance, InstanceName, Key, Plan } from "../plan.ts";
import type { PlanFailure } from "../plan-failure.ts";
import { survey } from "../survey.ts";
import { closureOf } from "../targets.ts";
import { parseTree } from "../tree.ts";
import type { RemoteConfig } from "./config.ts";
import { openRemote, type Remote } from "./remote.ts";

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
const PARALLEL = 16;

/** Sends the results of the targets that are here. */
export function pushResults(exchange: Exchange): Promise<Exchanged | PlanFailure> {
  return known(exchange, false, async (engine, remote, found) => {
    const missing: InstanceName[] = [];
    const failed: InstanceName[] = [];
    let results = 0;
    await inParallel(found, async ({ instance, key }) => {
      const record = key === undefined ? undefined : engine.actions.get(key);
      if (record === undefined) missing.push(instance.name);
      else if (await remote.send(record)) results++;
      else failed.push(instance.name);
    });
    return { results, missing, failed, remote: remote.tally() };
  });
}

/** Brings the results of the targets into the local cache, all their blobs; artifacts stay as they are. */
export function pullResults(exchange: Exchange): Promise<Exchanged | PlanFailure> {
  return known(exchange, true, async (engine, remote, found) => {
    const missing: InstanceName[] = [];
    const failed: InstanceName[] = [];
    let results = 0;
    await inParallel(found, async ({ instance, key }) => {
      const record = key === undefined ? undefined : engine.actions.get(key);
      if (record === undefined) {
        missing.push(instance.name);
        return;
      }
      const fetched = await Promise.all(instance.outs.map(({ name }) => remote.fetch(record.outs[name]!)));
      if (fetched.every((answer) => answer === "here")) results++;
      else failed.push(instance.name);
    });
    return { results, missing, failed, remote: remote.tally() };
  });
}

/** Looks whether the cache has every blob of every result of the targets; with `full`, whether they have their digests. */
export function checkRemote(exchange: Exchange, full: boolean): Promise<RemoteReport | PlanFailure> {
  return known(exchange, true, async (engine, remote, found) => {
    const missing: InstanceName[] = [];
    const problems: RemoteProblem[] = [];
    const seen = new Map<string, Promise<boolean | undefined>>();
    let results = 0;
    const ask = (digest: OutResult["digest"], bytes: number): Promise<boolean | undefined> => {
      const asked = seen.get(digest) ?? remote.has(digest, bytes, full);
      seen.set(digest, asked);
      return asked;
    };
    await inParallel(found, async ({ instance, key }) => {
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
        for (const [out, result] of Object.entries(looked.record.outs)) {
          const blobs = [{ digest: result.digest, path: out }];
          if (
            result.kind === "directory" &&
            (await remote.fetch({ ...result, kind: "file", executable: false })) === "here"
          ) {
            const bytes = engine.cas.read(result.digest);
            const tree = typeof bytes === "string" ? undefined : parseTree(bytes);
            for (const { digest, path } of tree ?? []) blobs.push({ digest, path: `${out}/${path}` });
          }
          for (const { digest, path } of blobs) {
            const there = await ask(digest, result.bytes);
            if (there === true) continue;
            const reason = there === undefined ? "unanswered" : "missing-blob";
            const wrong = full && there === false && (await remote.has(digest, 0, false)) === true;
            const what = wrong ? "has other bytes" : there === undefined ? "was not to be had" : "is missing";
            const message = `the blob ${digest} of ${name} (${path}) ${what}`;
            problems.push({ reason: wrong ? "corrupted-blob" : reason, instance: name, message });
          }
        }
      }
    });
    return { results, blobs: seen.size, missing, problems, remote: remote.tally() };
  });
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
      remote = openRemote(config, store, cas, signal, warn);
      return remote;
    },
  });
  try {
    const instances = targets.length === 0 ? plan.instances : closureOf(plan, targets);
    const inputs = await inputsOf(engine, instances);
    if (isProblem(inputs)) return inputs;
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

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
