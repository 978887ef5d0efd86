import { describe, expect, it } from "vitest";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";

/** One stage that says that it is there and waits for the file `go`. */
function waiting(resources: string, locks: string): { workspace: Workspace; env: Readonly<Record<string, string>> } {
  const workspace = makeWorkspace();
  workspace.write(
    "pipeline.yaml",
    `version: 1
stages:
  s:
    cmd: "echo here $PIPELINE_GPUS; until [ -e go ]; do sleep 0.02; done; touch \${outs.x}"
    resources: ${resources}
    env: [PIPELINE_GPUS]
    outs: { x: x }
`,
  );
  return { workspace, env: { PIPELINE_LOCKS: locks, PIPELINE_GPUS: "0,1" } };
}

describe("mutexes and devices, between pipelines of one machine", () => {
  it("are one process's at a time: the other says whose, waits, and goes on when it ends", async () => {
    const locks = makeWorkspace().root;
    const one = waiting("{ mutex: [port] }", locks);
    const two = waiting("{ mutex: [port] }", locks);
    const first = one.workspace.start({ env: one.env }, "run", "--json");
    await first.printed(/"line":"here/);
    const second = two.workspace.start({ env: two.env }, "run", "--json");
    await second.printed(new RegExp(`waiting for mutex port, which process ${first.pid} has`));
    two.workspace.write("go", "");
    one.workspace.write("go", "");
    expect((await first.ended).summary).toMatchObject({ ran: 1 });
    const { events, summary } = await second.ended;
    expect(summary).toMatchObject({ ran: 1 });
    expect(events.filter(({ type }) => type === "warning")).toHaveLength(1);
  });

  it("are each process's own where lock files cannot be written, which one warning says", async () => {
    const file = makeWorkspace();
    file.write("file", "");
    const { workspace, env } = waiting("{ gpu: 2, mutex: [port] }", file.path("file"));
    workspace.write("go", "");
    const { events, summary } = await workspace.runWith({ env }, "run", "--json");
    expect(summary).toMatchObject({ ran: 1 });
    const warnings = events.filter(({ type }) => type === "warning");
    expect(warnings).toHaveLength(1);
    expect(JSON.stringify(warnings[0])).toContain("other pipelines of this machine are not seen");
  });

  it("of a killed pipeline are free at once", async () => {
    const locks = makeWorkspace().root;
    const one = waiting("{ gpu: 2, mutex: [port] }", locks);
    const first = one.workspace.start({ env: one.env }, "run", "--json");
    await first.printed(/"line":"here/);
    first.kill("SIGKILL");
    await first.ended;
    const two = waiting("{ gpu: 2, mutex: [port] }", locks);
    two.workspace.write("go", "");
    const { events, summary } = await two.workspace.runWith({ env: two.env }, "run", "--json");
    expect(summary).toMatchObject({ ran: 1 });
    expect(events.filter(({ type }) => type === "warning")).toEqual([]);
    one.workspace.write("go", "");
  });

  it("are shared out: two pipelines with a GPU each get different ones", async () => {
    const locks = makeWorkspace().root;
    const both = [waiting("{ gpu: 1 }", locks), waiting("{ gpu: 1 }", locks)];
    const runs = [];
    for (const { workspace, env } of both) {
      const run = workspace.start({ env }, "run", "--json");
      await run.printed(/"line":"here/);
      runs.push(run);
    }
    for (const { workspace } of both) workspace.write("go", "");
    const lines = (await Promise.all(runs.map(({ ended }) => ended))).flatMap(({ events }) =>
      events.flatMap((event) => (event.type === "output" ? [event.line] : [])),
    );
    expect(lines).toEqual(["here 0", "here 1"]);
  });

  it("do not stop a run where the folder of the locks cannot be made", async () => {
    const { workspace, env } = waiting("{ mutex: [port] }", "/dev/null/locks");
    workspace.write("go", "");
    expect((await workspace.runWith({ env }, "run", "--json")).summary).toMatchObject({ ran: 1 });
  });
});
