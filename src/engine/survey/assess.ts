import { isFailure } from "../keys/code-digest.ts";
import { manifestOf } from "../keys/key.ts";
import type { Environment } from "../plan/environment.ts";
import type { Reason } from "../plan/event.ts";
import type { InstanceName, Plan } from "../plan/plan.ts";
import type { PlanFailure } from "../plan/plan-failure.ts";
import { closureOf } from "../plan/targets.ts";
import { reason, reasonsFor } from "./examine.ts";
import { expectedSeconds } from "./expected.ts";
import { type Looking, looking } from "./looking.ts";
import { type Finding, producersOf } from "./survey.ts";

/** What a run would do with an instance, and why. */
export interface Assessment {
  readonly instance: InstanceName;
  /**
   * `restorable`: its result is cached and would be put in place. `stale`: it would run. `depends`: it would run or not,
   * as the new outs of `dependsOn` turn out.
   */
  readonly state: "fresh" | "restorable" | "stale" | "depends";
  /** `restorable`: from the remote cache. `fresh`: its outs are there, and nothing that is asked for needs them here. */
  readonly remote?: true;
  /** What changed since the last result here. A `dep` with `before` equal to `after` has unchanged bytes. */
  readonly reasons: readonly Reason[];
  /** Stale instances upstream whose outs decide. */
  readonly dependsOn: readonly InstanceName[];
  /** How long it took when it last ran. */
  readonly lastSeconds: number | undefined;
  /** How long it would take, by its own last time or by its declared work. */
  readonly expectedSeconds: number | undefined;
}

export interface AssessOptions extends Pick<Looking, "remote" | "warn"> {
  /** What runs whatever is known of it. */
  readonly forced?: ReadonlySet<InstanceName>;
}

/** Looks at the targets and everything they depend on (all instances where none is named), in plan order, and changes nothing. */
export async function assess(
  plan: Plan,
  targets: readonly InstanceName[],
  environment: Environment,
  { forced = new Set(), ...options }: AssessOptions = {},
): Promise<readonly Assessment[] | PlanFailure> {
  const instances = targets.length === 0 ? plan.instances : closureOf(plan, targets);
  return looking(plan, instances, environment, options, (engine, inputs, { findings, produced }) => {
    const expected = expectedSeconds(engine, inputs, instances);
    const wanted = targets.length === 0 ? undefined : new Set(targets.concat([...readByActions(findings, forced)]));
    return findings.map((finding): Assessment => {
      const { instance } = finding;
      const { name } = instance;
      const assessment = (
        state: Assessment["state"],
        reasons: readonly Reason[],
        dependsOn: readonly InstanceName[] = [],
      ): Assessment => ({
        instance: name,
        state,
        reasons,
        dependsOn,
        lastSeconds: engine.history.get(name)?.seconds,
        expectedSeconds: expected.get(name),
      });
      if ("roots" in finding) {
        const manifest = manifestOf(instance, inputs, produced);
        return isFailure(manifest)
          ? assessment("stale", [reason(manifest.reason, instance.stage, undefined, manifest.message)], finding.roots)
          : assessment("depends", reasonsFor(engine, instance, manifest, true), finding.roots);
      }
      const { verdict } = finding;
      switch (verdict.state) {
        case "fresh":
          return assessment("fresh", []);
        case "restorable":
          if (verdict.remote === undefined) return assessment("restorable", verdict.reasons);
          return verdict.remote === "vacant" && wanted?.has(name) === false
            ? { ...assessment("fresh", []), remote: true }
            : { ...assessment("restorable", verdict.reasons), remote: true };
        case "broken":
          return assessment("stale", [
            reason(verdict.failure.reason, instance.stage, undefined, verdict.failure.message),
          ]);
        case "stale": {
          const { known: damaged, manifest, reasons } = verdict;
          return assessment("stale", damaged === undefined ? reasonsFor(engine, instance, manifest, true) : reasons);
        }
        default:
          return verdict satisfies never;
      }
    });
  });
}

/** The instances whose outs are dep of something that runs, or may. */
function readByActions(findings: readonly Finding[], forced: ReadonlySet<InstanceName>): Set<InstanceName> {
  const runs = findings.filter(
    (finding) => "roots" in finding || finding.verdict.state === "stale" || forced.has(finding.instance.name),
  );
  return new Set(runs.flatMap(({ instance }) => producersOf(instance)));
}
