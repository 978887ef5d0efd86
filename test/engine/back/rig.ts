import { loadPlan } from "../../../src/engine/config/load.ts";
import type { Event, Summary } from "../../../src/engine/plan/event.ts";
import type { InstanceName, Plan } from "../../../src/engine/plan/plan.ts";
import { type PlanFailure, type RunOptions, runPlan } from "../../../src/engine/run/run.ts";
import { type Assessment, assess } from "../../../src/engine/survey/assess.ts";
import type { Workspace } from "../../rig/workspace.ts";

export async function planOf(workspace: Workspace): Promise<Plan> {
  const loaded = await loadPlan(workspace.root);
  if (!("plan" in loaded)) throw new Error(JSON.stringify(loaded.diagnostics, undefined, 2));
  return loaded.plan;
}

export interface Told {
  readonly result: Summary | PlanFailure;
  readonly events: readonly Event[];
  /** `ran train`, `failed x`, … in order. */
  readonly words: readonly string[];
}

/** Runs the engine in this process. */
export async function runIn(
  workspace: Workspace,
  options: Partial<RunOptions> & { targets?: readonly string[] } = {},
): Promise<Told> {
  const events: Event[] = [];
  const { targets = [], ...rest } = options;
  const result = await runPlan(
    await planOf(workspace),
    targets as readonly InstanceName[],
    {
      jobs: 2,
      force: false,
      keepGoing: false,
      signal: new AbortController().signal,
      environment: process.env,
      ...rest,
    },
    (event) => events.push(event),
  );
  const words = events.flatMap((event) =>
    "instance" in event && !["progress", "output", "started"].includes(event.type)
      ? [`${event.type} ${event.instance}`]
      : [],
  );
  return { result, events, words };
}

export async function assessIn(
  workspace: Workspace,
  targets: readonly string[] = [],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<readonly Assessment[]> {
  const found = await assess(await planOf(workspace), targets as readonly InstanceName[], environment);
  if ("reason" in found) throw new Error(found.message);
  return found as readonly Assessment[];
}

/** `param params.eta 0.01 → 0.02` */
export function spoken({ reasons }: Pick<Assessment, "reasons">): string[] {
  return reasons.map(
    ({ kind, subject, before, after }) => `${kind} ${subject} ${before ?? "none"} → ${after ?? "none"}`,
  );
}
