import { describe, expect, it } from "vitest";
import type { Event } from "../../../src/engine/plan/event.ts";
import { makeWorkspace, repository, stageModule, type Workspace } from "../../rig/workspace.ts";
import { named } from "./study.ts";

const COUNT = 6;

/** A matrix stage `s` (param n, out x) with `batch:`, whose module counts its processes by their pids in the outs. */
function batched(module: string, { batch = "true", declared = "", count = COUNT } = {}): Workspace {
  return makeWorkspace({
    "pipeline.yaml": `version: 1
params: { ns: { range: { from: 1, to: ${count}, step: 1 } }, fail: 0 }
stages:
  s:
    run: s.ts
    batch: ${batch}
    matrix: { n: "\${params.ns}" }
    params: { n: "\${n}", fail: "\${params.fail}" }
    outs: { x: "x/\${n}.json", pid: "pid/\${n}" }
${declared}`,
    "s.ts": module,
  });
}

const contract = JSON.stringify(`${repository}/src/stage.ts`);

/** A module that defines runBatch alone, over `one`, which writes what it makes of the param n. */
function batchModule(body: string): string {
  return `import { writeFileSync } from "node:fs";
import { type BatchMember, defineStage, StageError } from ${contract};
void StageError;
const one = (member: BatchMember): void => {
  const { n } = member.params as { n: number };
  writeFileSync(member.out("x"), JSON.stringify({ n, square: n * n, name: member.name, key: member.provenance.key }));
  writeFileSync(member.out("pid"), String(process.pid));
};
export default defineStage({
  async runBatch(members) {
${body}
  },
});
`;
}

const EACH = "for (const member of members) await member.settle(() => one(member));";

function processes(workspace: Workspace): number {
  return new Set(workspace.list("artifacts/pid").map((file) => workspace.read(file))).size;
}

function contents(workspace: Workspace): Record<string, string> {
  return Object.fromEntries(workspace.list("artifacts/x").map((file) => [file, workspace.read(file)]));
}

function failuresIn(events: readonly Event[]): string[] {
  return events.flatMap((event) => (event.type === "failed" ? [`${event.instance} ${event.failure.reason}`] : []));
}

describe("batch: true", () => {
  it("gives stale instances to one process, or one for each of the jobs, and the same results as one by one", async () => {
    const workspace = batched(batchModule(EACH));
    const { events, summary } = await workspace.run("run", "--json", "--jobs", "1");
    expect(summary).toMatchObject({ ran: COUNT, failed: 0 });
    expect(processes(workspace)).toBe(1);
    // Each has its own events.
    const all = Array.from({ length: COUNT }, (_, i) => `s@n=${i + 1}`);
    for (const type of ["started", "ran"]) expect(named(events, type)).toEqual(all);

    const shared = batched(batchModule(EACH));
    await shared.run("run", "--jobs", "2");
    expect(processes(shared)).toBe(2);

    const alone = batched(batchModule(EACH), { batch: "false" });
    await alone.run("run", "--jobs", "2");
    expect(processes(alone)).toBe(COUNT);
    // The keys are the same too: they are in the outs.
    expect(contents(workspace)).toEqual(contents(alone));
    expect(contents(shared)).toEqual(contents(alone));
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: COUNT });
    expect(workspace.list(".pipeline/tmp")).toEqual([]);
    expect(workspace.list(".pipeline/locks")).toEqual([]);
  });

  it("keeps to a maximum size", async () => {
    const workspace = batched(batchModule(EACH), { batch: "{ max: 4 }" });
    await workspace.run("run", "--jobs", "1");
    expect(processes(workspace)).toBe(2);
  });

  it("takes only what is stale, and each instance has a cache entry of its own", async () => {
    const workspace = batched(batchModule(EACH));
    await workspace.run("run", "s@n=2", "s@n=5", "--jobs", "1");
    expect(processes(workspace)).toBe(1);
    const { events } = await workspace.run("run", "--json", "--jobs", "1");
    expect(named(events, "ran")).toEqual(["s@n=1", "s@n=3", "s@n=4", "s@n=6"]);
    expect(processes(workspace)).toBe(2);
    workspace.remove("artifacts/x/3.json");
    expect(named((await workspace.run("run", "--json")).events, "restored")).toEqual(["s@n=3"]);
  });

  it("without runBatch calls run for each in turn, in one process", async () => {
    const module = stageModule(
      `const { n } = context.params as { n: number };
    console.log("printed by", n);
    context.log("logged by " + n);
    process.stderr.write("half of a line by ");
    await new Promise(setImmediate);
    console.error(n);
    context.progress({ done: n, total: 9, unit: "steps" });
    writeFileSync(context.out("x"), "1");
    writeFileSync(context.out("pid"), String(process.pid));`,
    );
    const workspace = batched(module);
    const { events } = await workspace.run("run", "--json", "--jobs", "1");
    expect(processes(workspace)).toBe(1);
    for (let n = 1; n <= COUNT; n++) {
      // What one prints is in its own log.
      const lines = [`printed by ${n}`, `logged by ${n}`, `half of a line by ${n}`];
      expect(workspace.read(`.pipeline/logs/s@n=${n}.log`).trim().split("\n")).toEqual(lines);
      const progress = events.find((event) => event.type === "progress" && event.instance === `s@n=${n}`);
      expect(progress).toMatchObject({ progress: { done: n } });
    }
  });

  it("calls runBatch for what is left of a stage that has run as well", async () => {
    const module = `import { writeFileSync } from "node:fs";
import { defineStage, type StageContext } from ${contract};
const write = (context: StageContext, how: string): void => {
  writeFileSync(context.out("x"), how);
  writeFileSync(context.out("pid"), String(process.pid));
};
export default defineStage({
  async run(context) { write(context, "run"); },
  // Whoever is not settled by the end has ended well.
  async runBatch(members) { for (const member of members) write(member, "batch"); },
});
`;
    const workspace = batched(module, { count: 3 });
    await workspace.run("run", "--jobs", "1");
    expect(Object.values(contents(workspace))).toEqual(["batch", "batch", "batch"]);
    await workspace.run("run", "--force", "s@n=1");
    expect(Object.values(contents(workspace))).toEqual(["run", "batch", "batch"]);
  });

  it("lets one instance fail and keeps the others", async () => {
    const settle = `for (const member of members) await member.settle(() => {
      const { n } = member.params as { n: number };
      if (n === 2) throw new StageError("two is too much", "use one");
      if (n === 4) throw new TypeError("four");
      one(member);
    });`;
    const workspace = batched(batchModule(settle), {
      declared: `  after: { cmd: "cat \${deps.x} > \${outs.y}", matrix: { of: s }, deps: { x: s.x }, outs: { y: "y/\${n}" } }\n`,
    });
    const { code, events, summary } = await workspace.run("run", "--json", "--jobs", "1", "--keep-going");
    expect(code).toBe(1);
    expect(failuresIn(events).sort()).toEqual(["s@n=2 stage-failed", "s@n=4 stage-threw"]);
    expect(summary).toMatchObject({ ran: 8, failed: 2, skipped: 2 });
    expect(processes(workspace)).toBe(1);
    const four = events.find((event) => event.type === "failed" && event.instance === "s@n=4");
    expect(four).toMatchObject({ failure: { message: "TypeError: four" } });
    expect(workspace.read(".pipeline/logs/s@n=4.log")).toContain("TypeError: four");
    expect(workspace.exists(".pipeline/logs/s@n=3.log")).toBe(false);
  });

  it("without --keep-going, too, finishes what has begun; a missing or invalid out is one instance's failure", async () => {
    const settle = `for (const member of members) await member.settle(() => {
      if ((member.params as { n: number }).n !== 3) one(member);
    });`;
    const workspace = batched(batchModule(settle));
    const { events, summary } = await workspace.run("run", "--json", "--jobs", "1");
    expect(failuresIn(events)).toEqual(["s@n=3 missing-out"]);
    expect(summary).toMatchObject({ ran: COUNT - 1, failed: 1 });
  });

  it("runs the rest one by one when the process dies: only the culprit fails", async () => {
    for (const [deed, reason] of [
      ["process.kill(process.pid, 'SIGKILL')", "killed"],
      ["process.abort()", "killed"],
      ["process.exit(3)", "stage-exited"],
    ] as const) {
      const workspace = batched(
        batchModule(`for (const member of members) {
      if ((member.params as { n: number }).n === 3) ${deed};
      await member.settle(() => one(member));
    }`),
      );
      const { events, summary } = await workspace.run("run", "--json", "--jobs", "1", "--keep-going");
      expect(failuresIn(events)).toEqual([`s@n=3 ${reason}`]);
      expect(summary).toMatchObject({ ran: COUNT - 1, failed: 1 });
      const warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
      expect(warnings).toEqual([
        expect.stringMatching(/^a batch of s was not finished: .*; the rest of it runs one by one$/),
      ]);
    }
  });

  it("runs all one by one when runBatch itself fails, so that each failure has its instance", async () => {
    const workspace = batched(
      batchModule(`if (members.length > 1) throw new Error("too many");
    if ((members[0]!.params as { n: number }).n === 5) throw new StageError("five");
    ${EACH}`),
    );
    const { events, summary } = await workspace.run("run", "--json", "--keep-going", "--jobs", "2");
    expect(failuresIn(events)).toEqual(["s@n=5 stage-failed"]);
    expect(summary).toMatchObject({ ran: COUNT - 1 });
  });

  it("names the instance that reads what it has not declared", async () => {
    const workspace = batched(
      `import { readFileSync } from "node:fs";\n${batchModule(`for (const member of members) await member.settle(() => {
      if ((member.params as { n: number }).n === 2) readFileSync(${JSON.stringify("pipeline.yaml")});
      one(member);
    });`)}`,
    );
    const { events } = await workspace.run("run", "--json", "--jobs", "1", "--keep-going");
    expect(failuresIn(events)).toEqual(["s@n=2 undeclared-read"]);
  });

  it("shares its time among its instances", async () => {
    const workspace = batched(batchModule(`await new Promise((fulfil) => setTimeout(fulfil, 600)); ${EACH}`));
    const { events, summary } = await workspace.run("run", "--json", "--jobs", "1");
    const seconds = events.flatMap((event) => (event.type === "ran" ? [event.seconds] : []));
    const sum = seconds.reduce((total, each) => total + each, 0);
    // All of them together took as long as their process did, and each a part of it.
    expect(sum).toBeGreaterThan(0.5);
    expect(sum).toBeLessThanOrEqual(summary!.seconds);
    expect(Math.max(...seconds)).toBeLessThan(0.5 * sum);
  });

  it("is interrupted as a whole, and what was settled before stays", async () => {
    const workspace = batched(
      batchModule(`await members[0]!.settle(() => one(members[0]!));
    members[1]!.progress({ done: 1, total: 2, unit: "steps" });
    await new Promise((fulfil) => setTimeout(fulfil, 60_000));`),
    );
    const running = workspace.start({}, "run", "--json", "--jobs", "1");
    await running.printed(/"type":"ran"/);
    await running.printed(/"type":"progress"/);
    running.kill("SIGINT");
    const { code, summary } = await running.ended;
    expect(code).toBe(130);
    expect(summary).toMatchObject({ ran: 1, skipped: COUNT - 1 });
    expect(workspace.list(".pipeline/tmp")).toEqual([]);
  });

  it("works beside another run: each instance is run by one of them", async () => {
    const workspace = batched(batchModule(EACH), { count: 12 });
    const runs = await Promise.all([1, 2].map(() => workspace.run("run", "--json", "--jobs", "2")));
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    expect(runs[0]!.summary!.ran + runs[1]!.summary!.ran).toBe(12);
    expect(workspace.list(".pipeline/locks")).toEqual([]);
  });

  it("is alone under verify --rerun, which so finds results that depend on their batch", async () => {
    const workspace = batched(
      batchModule(`for (const member of members) await member.settle(() => {
      one(member);
      writeFileSync(member.out("x"), JSON.stringify(members.length));
      writeFileSync(member.out("pid"), "0");
    });`),
      { count: 2 },
    );
    await workspace.run("run", "--jobs", "1");
    const { code, stdout } = await workspace.run("verify", "--rerun");
    expect(code).toBe(1);
    expect(stdout).toContain("artifacts/x/1.json");
    expect(stdout).not.toContain("artifacts/pid/1");
  });

  it("is for matrix stages that run a module", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
stages:
  a: { cmd: "touch \${outs.x}", matrix: { i: [1, 2] }, batch: true, outs: { x: "a/\${i}" } }
  b: { run: s.ts, batch: true, outs: { x: b } }
  c: { run: s.ts, batch: { max: 0 }, matrix: { i: [1] }, outs: { x: "c/\${i}" } }
`,
      "s.ts": stageModule(""),
    });
    const { code, stderr } = await workspace.run("run");
    expect(code).toBe(2);
    expect(stderr).toContain("a command runs one instance: `batch` is for `run:` stages");
    expect(stderr).toContain("a stage without a matrix has one instance");
    expect(stderr).toContain("`stages.c.batch.max`");
  });
});
