import type { Inputs } from "../keys/inputs.ts";
import type { Environment } from "../plan/environment.ts";
import type { Instance, Plan } from "../plan/plan.ts";
import { isPlanFailure, type PlanFailure } from "../plan/plan-failure.ts";
import type { RemoteConfig } from "../remote/config.ts";
import { explainIo } from "../system/io-error.ts";
import { type Engine, inputsOf, openEngine, saveEngine } from "./engine.ts";
import { type Survey, survey } from "./survey.ts";

export interface Looking {
  readonly trustFiles?: boolean;
  /** Asked for the records of what is not known here, and for nothing else. */
  readonly remote?: RemoteConfig | undefined;
  /** Is told what is wrong with the remote cache. */
  readonly warn?: (message: string) => void;
}

/** Opens the engine, surveys these instances (in plan order, with their producers) and hands over what was found; runs and fetches nothing. */
export async function looking<T extends object>(
  plan: Plan,
  instances: readonly Instance[],
  environment: Environment,
  { trustFiles = true, remote, warn = () => undefined }: Looking,
  look: (engine: Engine, inputs: Inputs, found: Survey) => T | PlanFailure,
): Promise<T | PlanFailure> {
  // Loaded only where there is one.
  const asking = remote && (await import("./asking.ts")).openAsking(remote, warn);
  const opened = openEngine(plan, environment, new AbortController().signal, () => undefined, {
    trustFiles,
    remote: asking?.open,
  });
  const engine = asking?.untraced(opened) ?? opened;
  try {
    const inputs = await inputsOf(engine, instances);
    if (isPlanFailure(inputs)) return inputs;
    asking?.begin();
    const found = await survey(engine, inputs, instances, asking?.confirmed);
    asking?.end();
    return look(engine, inputs, found);
  } catch (error) {
    const problem = explainIo(error, "using the cache in .pipeline");
    if (problem === undefined) throw error;
    return problem;
  } finally {
    asking?.end();
    saveEngine(engine);
    engine.store.close();
  }
}
