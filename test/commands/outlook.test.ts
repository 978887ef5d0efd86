import { describe, expect, it } from "vitest";
import { estimate, outlookLine } from "../../src/commands/outlook.ts";
import type { Assessment } from "../../src/engine/assess.ts";
import type { Instance, InstanceName, Plan } from "../../src/engine/plan.ts";

/** A plan by `name: producers`, in topological order. */
function planOf(graph: Readonly<Record<string, readonly string[]>>): Plan {
  const instances = Object.entries(graph).map(([name, producers]) => ({
    name,
    stage: name.split("@")[0],
    deps: producers.map((instance) => ({ type: "out", name: instance, each: false, from: [{ instance, out: "o" }] })),
  }));
  return { workspace: "/", profile: "default", platforms: [], instances: instances as unknown as Instance[] };
}

function assessed(instance: string, state: Assessment["state"], lastSeconds?: number): Assessment {
  return { instance: instance as InstanceName, state, reasons: [], dependsOn: [], lastSeconds };
}

describe("the estimate of a run", () => {
  const plan = planOf({ a: [], "b@n=1": ["a"], "b@n=2": ["a"], "b@n=3": ["a"], c: ["b@n=1"] });

  it("is the critical path with many jobs, and the shared work with few", () => {
    const all = [
      assessed("a", "stale", 1),
      assessed("b@n=1", "depends", 2),
      assessed("b@n=2", "depends", 4),
      assessed("b@n=3", "depends", 4),
      assessed("c", "depends", 1),
    ];
    // a, then b@n=2: 1 + 4.
    expect(estimate(plan, all, 100)).toEqual({ seconds: 5, unknown: 0 });
    expect(estimate(plan, all, 1)).toEqual({ seconds: 12, unknown: 0 });
    expect(estimate(plan, all, 2)).toEqual({ seconds: 6, unknown: 0 });
    expect(outlookLine(plan, all, 2)).toBe("1 will run, 4 depend on them · at most about 6.00 s with 2 jobs");
  });

  it("takes the mean of a stage for an instance that never ran, and says where there is none", () => {
    const some = [
      assessed("a", "fresh", 100),
      assessed("b@n=1", "fresh", 2),
      assessed("b@n=2", "restorable", 4),
      assessed("b@n=3", "stale"),
      assessed("c", "stale"),
    ];
    expect(estimate(plan, some, 1)).toEqual({ seconds: 3, unknown: 1 });
    expect(outlookLine(plan, some, 1)).toBe(
      "2 will run, 1 can be restored, 2 fresh · at most about 3.00 s with 1 job and 1 never timed",
    );
  });
});
