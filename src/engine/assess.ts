import { isFailure } from "./code-digest.ts";
import { inputsOf, isProblem, openEngine, saveEngine } from "./engine.ts";
import type { Environment } from "./environment.ts";
import type { Reason } from "./event.ts";
import { examine, reason, reasonsFor } from "./examine.ts";
import { explainIo } from "./io-error.ts";
import { manifestOf } from "./key.ts";
import { contentOf, type Outs } from "./outcome.ts";
import type { Instance, InstanceName, Plan } from "./plan.ts";
import type { PlanFailure } from "./plan-failure.ts";
import { closureOf } from "./targets.ts";

/** What a run would do with an instance, and why. */
export interface Assessment {
  readonly instance: InstanceName;
  /**
   * `restorable`: its result is cached and would be put in place. `stale`: it would run. `depends`: it would run or not,
   * as the new outs of `dependsOn` turn out.
   */
  readonly state: "fresh" | "restorable" | "stale" | "depends";
  /** What changed since the last result here. A `dep` with `before` equal to `after` has unchanged bytes. */
  readonly reasons: readonly Reason[];
  /** Stale instances upstream whose outs decide. */
  readonly dependsOn: readonly InstanceName[];
  /** How long it took when it last ran. */
  readonly lastSeconds: number | undefined;
}

/** Looks at the targets and everything they depend on (all instances where none is named), in plan order, and changes nothing. */
export async function assess(
  plan: Plan,
  targets: readonly InstanceName[],
  environment: Environment,
): Promise<readonly Assessment[] | PlanFailure> {
  const instances = targets.length === 0 ? plan.instances : closureOf(plan, targets);
  const engine = openEngine(plan, environment, new AbortController().signal, () => undefined);
  try {
    const inputs = await inputsOf(engine, instances);
    if (isProblem(inputs)) return inputs;
    const known = new Map<InstanceName, Outs>();
    const undecided = new Map<InstanceName, readonly InstanceName[]>();
    const produced = (instance: InstanceName, out: string): string | undefined => {
      const result = known.get(instance)?.[out];
      return result && contentOf(result);
    };

    const assessments: Assessment[] = [];
    for (const instance of instances) {
      const { name } = instance;
      const past = engine.history.get(name);
      const add = (
        state: Assessment["state"],
        reasons: readonly Reason[],
        dependsOn: readonly InstanceName[] = [],
      ): void => {
        assessments.push({ instance: name, state, reasons, dependsOn, lastSeconds: past?.seconds });
      };
      const roots = [...new Set(producersOf(instance).flatMap((producer) => undecided.get(producer) ?? []))];
      if (roots.length > 0) {
        const manifest = manifestOf(instance, inputs, produced);
        undecided.set(name, roots);
        if (isFailure(manifest))
          add("stale", [reason(manifest.reason, instance.stage, undefined, manifest.message)], roots);
        else add("depends", reasonsFor(engine, instance, manifest, true), roots);
        continue;
      }
      const verdict = await examine(engine, inputs, instance, produced, false);
      if (verdict.state === "fresh" || verdict.state === "restorable") {
        known.set(name, verdict.outs);
        add(verdict.state, verdict.state === "fresh" ? [] : verdict.reasons);
        continue;
      }
      undecided.set(name, [name]);
      if (verdict.state === "broken") {
        const { failure } = verdict;
        add("stale", [reason(failure.reason, instance.stage, undefined, failure.message)]);
      } else {
        const { known: damaged, manifest, reasons } = verdict;
        add("stale", damaged === undefined ? reasonsFor(engine, instance, manifest, true) : reasons);
      }
    }
    return assessments;
  } catch (error) {
    const problem = explainIo(error, "using the cache in .pipeline");
    if (problem === undefined) throw error;
    return problem;
  } finally {
    saveEngine(engine);
    engine.store.close();
  }
}

export function producersOf(instance: Instance): InstanceName[] {
  return [
    ...new Set(instance.deps.flatMap((dep) => (dep.type === "out" ? dep.from.map((from) => from.instance) : []))),
  ];
}
