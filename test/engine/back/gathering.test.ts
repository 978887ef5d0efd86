import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { InstanceName, Resources } from "../../../src/engine/plan/plan.ts";
import type { Claims } from "../../../src/engine/plan/resources.ts";
import { type Need, type Performed, schedule } from "../../../src/engine/survey/scheduler.ts";
import type { Task } from "../../../src/engine/survey/task.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const together = { key: "b", max: 9 };
const task = (name: string, producers: readonly string[] = [], more: Partial<Task> = {}): Task => ({
  name: name as InstanceName,
  producers: producers as InstanceName[],
  seconds: 1,
  ...more,
});

/** Plays tasks that end when told to; tells which processes have started so far. */
function stage(tasks: readonly Task[], jobs: number, more: { claims?: Claims; gpus?: readonly string[] } = {}) {
  const started: string[] = [];
  const elsewhere: string[] = [];
  const ends = new Map<string, (performed: Performed) => void>();
  const looks = new Map<string, (need: Need) => void>();
  const over = schedule(
    {
      tasks,
      jobs,
      budget: { cpu: jobs, memory: 1, gpus: more.gpus ?? [] },
      claims: more.claims,
      keepGoing: true,
      signal: new AbortController().signal,
    },
    {
      examine: (name) => (name.startsWith("slow") ? new Promise((fulfil) => looks.set(name, fulfil)) : "execution"),
      perform(name, _, { names, grant }) {
        if (name === names[0]) started.push([names.join("+"), ...grant.gpus].join(" on "));
        return new Promise((fulfil) => ends.set(name, fulfil));
      },
      skipped: () => undefined,
      elsewhere: (what, holder) => elsewhere.push(`${what} ${holder}`),
    },
  );
  const settled = (): Promise<void> => new Promise(setImmediate);
  return {
    started,
    elsewhere,
    over,
    async end(...names: string[]) {
      for (const name of names) ends.get(name)!("done");
      await settled();
    },
    async found(name: string) {
      looks.get(name)!("execution");
      await settled();
    },
    async pass(milliseconds: number) {
      vi.advanceTimersByTime(milliseconds);
      await settled();
    },
  };
}

describe("a process that several tasks share", () => {
  const chains = [task("a1"), task("a2"), task("a3")].concat(
    [1, 2, 3].map((n) => task(`b${n}`, [`a${n}`], { together })),
  );

  it("waits a moment for more of its kind while what they need is running", async () => {
    const { started, end, over } = stage(chains, 3);
    await end("a1");
    await end("a2");
    expect(started).toEqual(["a1", "a2", "a3"]);
    // The last has come: nothing more is to be waited for, and there is room for three of them.
    await end("a3");
    expect(started.slice(3)).toEqual(["b1", "b2", "b3"]);
    await end("b1", "b2", "b3");
    await over;
  });

  it("starts when none has come for 300 ms, and later ones are the next process", async () => {
    const { started, end, pass, over } = stage(chains, 3);
    await end("a1");
    await pass(299);
    await end("a2");
    await pass(299);
    expect(started).toHaveLength(3);
    await pass(1);
    // Two processes have room.
    expect(started.slice(3)).toEqual(["b1", "b2"]);
    await end("a3");
    expect(started.slice(5)).toEqual(["b3"]);
    await end("b1", "b2", "b3");
    await over;
  });

  it("does not wait for what needs something that has yet to start, nor when it is full", async () => {
    const { started, end, over } = stage(chains, 1);
    await end("a1");
    // a2 and a3 come first by their longer chains; b2 and b3 cannot come before.
    expect(started).toEqual(["a1", "a2"]);
    await end("a2");
    await end("a3");
    expect(started.at(-1)).toBe("b1+b2+b3");
    await end("b1", "b2", "b3");
    await over;

    const pairs = chains.map((each) => (each.together ? { ...each, together: { key: "b", max: 1 } } : each));
    const single = stage(pairs, 3);
    await single.end("a1");
    expect(single.started.at(-1)).toBe("b1");
    for (const name of ["a2", "a3", "b1", "b2", "b3"]) await single.end(name);
    await single.over;
  });

  it("waits for those that are still being looked at", async () => {
    const { started, found, end, over } = stage([task("b1", [], { together }), task("slow", [], { together })], 1);
    expect(started).toEqual([]);
    await found("slow");
    expect(started).toEqual(["b1+slow"]);
    await end("slow", "b1");
    await over;
  });

  it("keeps its room, and leaves the rest to others", async () => {
    const others = [task("x", [], { seconds: 0.2 }), task("y", [], { seconds: 0.1 })];
    const { started, end, pass, over } = stage([...chains.filter(({ name }) => /[12]/.test(name)), ...others], 3);
    expect(started).toEqual(["a1", "a2", "x"]);
    await end("x");
    await end("a1");
    // One of the two free cores is the held one's.
    expect(started.slice(3)).toEqual(["y"]);
    await end("y");
    expect(started.slice(4)).toEqual([]);
    await pass(300);
    expect(started.slice(4)).toEqual(["b1"]);
    await end("a2");
    await end("b1", "b2");
    await over;
  });
});

describe("what other processes of the machine hold", () => {
  /** Claims of which some names are somebody else's. */
  function claimsWith(foreign: Set<string>): Claims & { readonly held: Set<string> } {
    const held = new Set<string>();
    return {
      held,
      take(name) {
        if (foreign.has(name)) return { holder: "process 7" };
        expect(held.has(name)).toBe(false);
        held.add(name);
        return "taken";
      },
      release: (name) => void expect(held.delete(name)).toBe(true),
    };
  }
  const wanting = (name: string, demand: Resources): Task => task(name, [], { demand });

  it("is waited for, told once, and others go on meanwhile", async () => {
    const foreign = new Set(["mutex port"]);
    const claims = claimsWith(foreign);
    const tasks = [wanting("m", { mutex: ["port", "own"] }), wanting("n", { mutex: ["port"] }), wanting("o", {})];
    const { started, elsewhere, end, pass, over } = stage(tasks, 4, { claims });
    expect(started).toEqual(["o"]);
    // Nothing is in hand while something else is waited for.
    expect([...claims.held]).toEqual([]);
    await pass(1000);
    foreign.clear();
    await pass(200);
    expect(started).toEqual(["o", "m"]);
    expect([...claims.held].sort()).toEqual(["mutex own", "mutex port"]);
    await end("m");
    expect(started).toEqual(["o", "m", "n"]);
    await end("n", "o");
    await over;
    expect(elsewhere).toEqual(["mutex port process 7"]);
    expect([...claims.held]).toEqual([]);
  });

  it("of devices leaves the others, and parts of a device are one claim", async () => {
    const claims = claimsWith(new Set(["gpu 0"]));
    const tasks = ["a", "b", "c"].map((name) => wanting(name, { gpu: { amount: 0.5 } }));
    const { started, elsewhere, end, over } = stage(tasks, 4, { claims, gpus: ["0", "1"] });
    expect(started).toEqual(["a on 1", "b on 1"]);
    expect([...claims.held]).toEqual(["gpu 1"]);
    await end("a");
    expect(started.at(-1)).toBe("c on 1");
    await end("b");
    expect([...claims.held]).toEqual(["gpu 1"]);
    await end("c");
    await over;
    expect([...claims.held]).toEqual([]);
    expect(elsewhere).toEqual(["gpu 0 process 7"]);
  });
});
