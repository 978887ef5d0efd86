import { loadPlan } from "../engine/config/load.ts";
import type { Plan } from "../engine/plan/plan.ts";

/** A plan and those of all profiles of its file: what they name is ours as well. A profile that cannot be loaded has none. */
export async function plansOfAllProfiles(plan: Plan): Promise<readonly Plan[]> {
  const plans = [plan];
  for (const profile of plan.profiles ?? []) {
    const loaded = await loadPlan(plan.workspace, { profile });
    if ("plan" in loaded) plans.push(loaded.plan);
  }
  return plans;
}
