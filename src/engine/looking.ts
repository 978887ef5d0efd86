import { setMaxListeners } from "node:events";
import { type Engine, inputsOf, isProblem, type OpenRemote, openEngine, saveEngine } from "./engine.ts";
import type { Environment } from "./environment.ts";
import { reason, type Verdict } from "./examine.ts";
import type { Inputs } from "./inputs.ts";
import { explainIo } from "./io-error.ts";
import type { ActionRecord } from "./outcome.ts";
import type { Instance, Key, Plan } from "./plan.ts";
import type { PlanFailure } from "./plan-failure.ts";
import type { RemoteConfig } from "./remote/config.ts";
import { type Survey, survey } from "./survey.ts";

export interface Looking {
  readonly trustFiles?: boolean;
  /** Asked for the records of what is not known here, and for nothing else. */
  readonly remote?: RemoteConfig | undefined;
  /** What the remote cache is told to be wrong with. */
  readonly warn?: (message: string) => void;
}

/** Somebody waits for the answer: what the remote cache has not said in this share of its time limit, it does not say. */
const PATIENCE = 0.5;

/**
 * Opens the engine, surveys these instances (in plan order, with their producers) and hands over what was found; runs
 * nothing, fetches nothing and keeps nothing of what it learns.
 */
export async function looking<T extends object>(
  plan: Plan,
  instances: readonly Instance[],
  environment: Environment,
  { trustFiles, remote: config, warn = () => undefined }: Looking,
  look: (engine: Engine, inputs: Inputs, found: Survey) => T | PlanFailure,
): Promise<T | PlanFailure> {
  const patience = new AbortController();
  const patienceMs = PATIENCE * (config?.timeoutMs ?? 0);
  setMaxListeners(0, patience.signal);
  let told = false;
  const tell = (message: string): void => {
    told = true;
    warn(message);
  };
  const open = config === undefined ? undefined : (await import("./remote/remote.ts")).openRemote;
  const otherwise = "; what follows is what is known here";
  const remote: OpenRemote | undefined =
    open && ((store, cas) => open(config!, store, cas, patience.signal, tell, otherwise));
  const opened = openEngine(plan, environment, new AbortController().signal, () => undefined, {
    ...(trustFiles === undefined ? {} : { trustFiles }),
    remote,
  });
  const seen = new Set<Key>();
  const engine = remote === undefined ? opened : untraced(opened, seen, tell);
  let clock: NodeJS.Timeout | undefined;
  try {
    const inputs = await inputsOf(engine, instances);
    if (isProblem(inputs)) return inputs;
    clock = setTimeout(() => patience.abort(), patienceMs);
    const found = await survey(engine, inputs, instances, (instance, verdict) =>
      confirmed(engine, seen, instance, verdict),
    );
    if (patience.signal.aborted && !told) {
      tell(`the remote cache ${config!.url} has not told all within ${patienceMs / 1000} s${otherwise}`);
    }
    return look(engine, inputs, found);
  } catch (error) {
    const problem = explainIo(error, "using the cache in .pipeline");
    if (problem === undefined) throw error;
    return problem;
  } finally {
    clearTimeout(clock);
    engine.remote?.close();
    saveEngine(engine);
    engine.store.close();
  }
}

/** What the remote cache tells is known as long as this process looks, and not written down. */
function untraced(engine: Engine, seen: Set<Key>, warn: (message: string) => void): Engine {
  const told = new Map<Key, ActionRecord>();
  const { actions, history } = engine;
  return {
    ...engine,
    warn,
    actions: {
      ...actions,
      get: (key) => told.get(key) ?? actions.get(key),
      put(record) {
        told.set(record.key, record);
        seen.add(record.key);
      },
    },
    history: {
      ...history,
      note(instance, key, outs, record) {
        if (!seen.has(key)) history.note(instance, key, outs, record);
      },
    },
  };
}

/** Blobs that are gone here may be in the remote cache: it is asked whether it has the result still. */
async function confirmed(
  { remote }: Engine,
  seen: ReadonlySet<Key>,
  instance: Instance,
  verdict: Verdict,
): Promise<Verdict> {
  if (verdict.state !== "restorable" || verdict.remote === undefined || seen.has(verdict.key)) return verdict;
  const looked = await remote?.look(verdict.key, instance);
  if (looked?.type === "found") return verdict;
  const { key, manifest, outs: known, absent } = verdict;
  const reasons = absent.map((out) => reason("blob", out.path, undefined, "missing"));
  return { state: "stale", key, manifest, known, reasons };
}
