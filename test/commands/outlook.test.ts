import { describe, expect, it } from "vitest";
import { estimate, outlookLine } from "../../src/commands/outlook.ts";
import type { Instance, InstanceName, Plan, Resources } from "../../src/engine/plan/plan.ts";
import type { Budget } from "../../src/engine/plan/resources.ts";
import type { Assessment } from "../../src/engine/survey/assess.ts";

/** A plan by `name: producers`, in topological order. */
function planOf(graph: Readonly<Record<string, readonly string[]>>): Plan {
  const instances = Object.entries(graph).map(([name, producers]) => ({
    name,
    stage: name.split("@")[0]!,
    deps: producers.map((instance) => ({ type: "out", name: instance, each: false, from: [{ instance, out: "o" }] })),
  }));
  return { workspace: "/", profile: "default", platforms: [], instances: instances as unknown as Instance[] };
}

function assessed(instance: string, state: Assessment["state"], expectedSeconds?: number): Assessment {
  const name = instance as InstanceName;
  return { instance: name, state, reasons: [], dependsOn: [], lastSeconds: undefined, expectedSeconds };
}

const jobs = (cpu: number): Budget => ({ cpu, memory: 10, gpus: ["0"] });

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
    expect(estimate(plan, all, jobs(100))).toEqual({ seconds: 5, unknown: 0 });
    expect(estimate(plan, all, jobs(1))).toEqual({ seconds: 12, unknown: 0 });
    // 1, then both of 4 seconds, whose chains are the longest, then b@n=1 and c after one another.
    expect(estimate(plan, all, jobs(2))).toEqual({ seconds: 8, unknown: 0 });
    expect(outlookLine(plan, all, jobs(2))).toBe("1 will run, 4 depend on them · at most about 8 s with 2 jobs");
  });

  it("counts apart what nothing is known of", () => {
    const some = [
      assessed("a", "fresh", 100),
      assessed("b@n=1", "fresh", 2),
      assessed("b@n=2", "restorable", 4),
      assessed("b@n=3", "stale", 3),
      assessed("c", "stale"),
    ];
    expect(estimate(plan, some, jobs(1))).toEqual({ seconds: 3, unknown: 1 });
    expect(outlookLine(plan, some, jobs(1))).toBe(
      "2 will run, 1 can be restored, 2 fresh · at most about 3 s with 1 job and 1 never timed",
    );
    expect(outlookLine(plan, [assessed("c", "stale")], jobs(1))).toBe("1 will run · 1 never timed");
  });

  it("knows what shares a device, a mutex or a process, and what is too large for the machine", () => {
    const wanting = (demand: Resources | undefined, batch?: { max: number }): Plan => {
      const instances = plan.instances.map((instance) => ({ ...instance, resources: demand, batch }) as Instance);
      return { ...plan, instances };
    };
    const all = plan.instances.map(({ name }) => assessed(name, "stale", 2));
    expect(estimate(wanting(undefined), all, jobs(9)).seconds).toBe(6);
    expect(estimate(wanting({ gpu: { amount: 1 } }), all, jobs(9)).seconds).toBe(10);
    expect(estimate(wanting({ gpu: { amount: 0.5 } }), all, jobs(9)).seconds).toBe(6);
    expect(estimate(wanting({ mutex: ["port"] }), all, jobs(9)).seconds).toBe(10);
    expect(estimate(wanting({ memory: 5 }), all, jobs(9)).seconds).toBe(6);
    expect(estimate(wanting({ memory: 11 }), all, jobs(9)).seconds).toBe(6);
    // Three in one process, one after the other, where there is room for one alone.
    expect(estimate(wanting({ cpu: 9 }, { max: 9 }), all, jobs(9)).seconds).toBe(10);
  });
});
