import { type Engine, inputsOf, isProblem, openEngine, saveEngine } from "./engine.ts";
import type { Environment } from "./environment.ts";
import type { Inputs } from "./inputs.ts";
import { explainIo } from "./io-error.ts";
import type { Instance, Plan } from "./plan.ts";
import type { PlanFailure } from "./plan-failure.ts";
import { type Survey, survey } from "./survey.ts";

/** Opens the engine, surveys these instances (in plan order, with their producers) and hands over what was found; runs nothing. */
export async function looking<T extends object>(
  plan: Plan,
  instances: readonly Instance[],
  environment: Environment,
  options: { readonly trustFiles?: boolean },
  look: (engine: Engine, inputs: Inputs, found: Survey) => T | PlanFailure,
): Promise<T | PlanFailure> {
  const engine = openEngine(plan, environment, new AbortController().signal, () => undefined, options);
  try {
    const inputs = await inputsOf(engine, instances);
    if (isProblem(inputs)) return inputs;
    return look(engine, inputs, await survey(engine, inputs, instances));
  } catch (error) {
    const problem = explainIo(error, "using the cache in .pipeline");
    if (problem === undefined) throw error;
    return problem;
  } finally {
    saveEngine(engine);
    engine.store.close();
  }
}
