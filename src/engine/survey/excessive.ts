import { availableParallelism } from "node:os";
import type { Inputs } from "../keys/inputs.ts";
import type { Instance } from "../plan/plan.ts";
import type { PlanFailure } from "../plan/plan-failure.ts";
import { type Budget, excessOf } from "../plan/resources.ts";
import { closureOf } from "../plan/targets.ts";
import type { Engine } from "./engine.ts";
import { survey } from "./survey.ts";

/** Why a run could not be finished: something that may have to run wants more than there is. Results that are cached want nothing. */
export async function excessive(
  engine: Engine,
  inputs: Inputs,
  instances: readonly Instance[],
  budget: Budget,
): Promise<PlanFailure | undefined> {
  const cores = availableParallelism();
  const excess = new Map<Instance, string>();
  for (const instance of instances) {
    const what = excessOf(instance.resources, budget, cores);
    if (what !== undefined) excess.set(instance, what);
  }
  if (excess.size === 0) return undefined;
  const names = [...excess.keys()].map(({ name }) => name);
  const { findings } = await survey(engine, inputs, closureOf(engine.plan, names));
  for (const finding of findings) {
    const what = excess.get(finding.instance);
    if (what === undefined) continue;
    if ("verdict" in finding && finding.verdict.state !== "stale") continue;
    const { name, position } = finding.instance;
    return {
      reason: "too-few-resources",
      message: `${position.file}:${position.line}:${position.column}  ${name} needs ${what}`,
      remedy: `lower its \`resources:\`, run it on a larger machine, or say what the machine has with --resource`,
    };
  }
  return undefined;
}
