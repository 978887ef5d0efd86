import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MiniCluster, noSlurm, startCluster } from "../../rig/slurm.ts";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";
import { full } from "../soak/layers.ts";
import { arraysOf, beginOn, eventsOf, failuresOf, gated, hurry, pathWithout, runOn, YAML } from "./on-cluster.ts";

const missing = noSlurm();
if (missing !== undefined) console.warn(`skipped: a cluster's failures — ${missing}`);
else if (!full) console.warn("skipped: a controller's MaxJobCount, a minute — SOAK=full runs it");

const text = JSON.stringify;
const warnings = (outcome: Parameters<typeof eventsOf>[0]): string[] =>
  eventsOf(outcome, "warning").map(({ message }) => message);

/** `count` commands that write a line each. */
const many = (workspace: Workspace, slurm: string, count: number): void =>
  workspace.write(
    "pipeline.yaml",
    YAML(
      slurm,
      `  one: { matrix: { i: "\${params.n}" }, cmd: ${text(`${workspace.counting("one")}; echo 1 > \${outs.x}`)}, outs: { x: "\${i}.txt" } }\n`,
      `{ n: { range: { from: 1, to: ${count}, step: 1 } } }`,
    ),
  );

// A busy machine makes a cluster of it slow.
describe.skipIf(missing !== undefined)("a cluster in trouble", { timeout: 180_000 }, () => {
  let cluster: MiniCluster;
  beforeAll(async () => {
    // A node is given up after seconds, and arrays have five processes at most.
    cluster = await startCluster({ settings: { SlurmdTimeout: 3, MessageTimeout: 3, MaxArraySize: 5 } });
  });
  afterAll(() => cluster.stop());

  it("runs on another node what a node was doing that lost its power", async () => {
    const workspace = makeWorkspace();
    workspace.write(
      "pipeline.yaml",
      YAML("", `  slow: { cmd: ${text(gated(workspace, "slow"))}, outs: { x: x.txt } }\n`),
    );
    const run = beginOn(cluster, workspace);
    await run.printed(/"output","instance":"slow"/);
    const [job = "", node = ""] = cluster.ask("squeue", "--noheader", "--array", "--format=%F_%K %N").trim().split(" ");
    cluster.crash(node);
    await run.printed(/"state":"requeued"/);
    await hurry(cluster, job);
    await run.printed(/"state":"requeued"[\s\S]*"state":"running"/);
    workspace.write("go", "");
    const outcome = await run.ended;
    cluster.boot(node);
    expect(outcome.summary).toMatchObject({ ran: 1, failed: 0 });
    expect(workspace.count("slow")).toBe(2);
    const nodes = eventsOf(outcome, "job").flatMap((event) => event.node ?? []);
    expect(nodes).toEqual([node, node === "n1" ? "n2" : "n1"]);
    expect(arraysOf(outcome, "slow")).toEqual([job.replace(/_0$/, "")]);
  });

  it("tells of a job whose processes were killed, and tries a batch's members one by one", async () => {
    const workspace = makeWorkspace({
      "all.ts": `import { existsSync, writeFileSync } from "node:fs";
        import { setTimeout } from "node:timers/promises";
        const make = async (member) => {
          member.log("begun");
          while (!existsSync("shared/go")) await setTimeout(20);
          writeFileSync(member.out("z"), member.name);
        };
        export default {
          run: make,
          async runBatch(members) { for (const member of members) await member.settle(() => make(member)); },
        };`,
    });
    workspace.write(
      "pipeline.yaml",
      YAML(
        "",
        `  slow: { cmd: ${text(gated(workspace, "slow"))}, outs: { x: x.txt } }
  all: { run: all.ts, batch: true, writes: [shared], matrix: { i: [1, 2] }, outs: { z: "\${i}.txt" } }\n`,
      ),
    );
    const run = beginOn(cluster, workspace, "--keep-going");
    await Promise.all(["slow", "all@i=1"].map((name) => run.printed(new RegExp(`"output","instance":"${name}"`))));
    for (const job of cluster.ask("squeue", "--noheader", "--array", "--format=%F_%K").trim().split("\n"))
      cluster.killJob(job);
    workspace.write("shared/go", "");
    const outcome = await run.ended;
    expect(failuresOf(outcome)).toMatchObject({ slow: { reason: "job-failed", output: ["started"] } });
    expect(failuresOf(outcome).slow!.message).toMatch(
      /^the job \d+_0 of slow ended as FAILED on n\d before its work was done$/,
    );
    expect(outcome.summary).toMatchObject({ ran: 2, failed: 1 });
    expect(warnings(outcome)).toContainEqual(
      expect.stringMatching(/^a batch of all was not finished: .*; the rest of it runs one by one$/),
    );
  });

  it("does not try one by one what has not even begun", async () => {
    const workspace = makeWorkspace({
      "all.ts": "export default { async run() {}, async runBatch() {} };",
    });
    const stage = `  all: { run: all.ts, batch: true, matrix: { i: [1, 2] }, outs: { z: "\${i}.txt" } }\n`;
    workspace.write("pipeline.yaml", YAML(`setup: "echo no such module >&2; exit 3"`, stage));
    const outcome = await runOn(cluster, workspace, "--keep-going");
    expect(outcome.summary).toMatchObject({ ran: 0, failed: 2 });
    expect(arraysOf(outcome, "all")).toHaveLength(1);
    expect(failuresOf(outcome)["all@i=1"]).toMatchObject({ reason: "job-failed", output: ["no such module"] });
    expect(failuresOf(outcome)["all@i=1"]!.message).toMatch(/ended as FAILED on n\d before its work began$/);
  });

  it("asks accounting and the controller of a job that the queue has forgotten", async () => {
    const runForgotten = async (accounts: string): Promise<string> => {
      const workspace = makeWorkspace();
      workspace.write(
        "pipeline.yaml",
        YAML("", `  slow: { cmd: ${text(gated(workspace, "slow"))}, outs: { x: x.txt } }\n`),
      );
      const folder = pathWithout("squeue");
      const program = (name: string, script: string): void => {
        workspace.write(`bin/${name}`, `#!/bin/bash\n${script}\n`);
        chmodSync(workspace.path(`bin/${name}`), 0o755);
      };
      // Its memory is short: MinJobAge is over.
      program("squeue", `[ -e '${workspace.path("forgotten")}' ] || exec /usr/bin/squeue "$@"`);
      program("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
      program("sacct", accounts);
      const env = { ...cluster.env, PATH: `${workspace.path("bin")}:${folder}:/usr/bin:/bin` };
      const run = workspace.start({ env }, "run", "--profile", "cluster", "--json");
      await run.printed(/"output","instance":"slow"/);
      const job = cluster.ask("squeue", "--noheader", "--array", "--format=%F_%K").trim();
      workspace.write("bin/job", job);
      workspace.write("forgotten", "");
      cluster.ask("scancel", job);
      const { reason, message } = failuresOf(await run.ended).slow!;
      return `${reason}: ${message.replace(job, "JOB")}`;
    };
    expect(await runForgotten("echo 'Slurm accounting storage is disabled' >&2; exit 1")).toBe(
      "job-lost: Slurm knows no job of slow any more (JOB), and it left no result",
    );
    expect(
      await runForgotten(
        `job=$(cat "$(dirname "$0")/job"); printf '%s|TIMEOUT|n7\\n%s.batch|CANCELLED|n7\\n' $job $job`,
      ),
    ).toBe("timed-out: slow was ended by Slurm on n7: its job JOB reached its time limit");
  });

  it("submits arrays as long as the cluster takes them", async () => {
    const workspace = makeWorkspace();
    many(workspace, "", 10);
    const outcome = await runOn(cluster, workspace);
    expect(outcome.summary).toMatchObject({ ran: 10, failed: 0 });
    expect(workspace.count("one")).toBe(10);
    expect(arraysOf(outcome, "one")).toHaveLength(2);
    expect(warnings(outcome)).toEqual([
      expect.stringMatching(/^Slurm takes no array of 10 processes here \(.*Invalid job array specification.*\)/),
    ]);
  });

  it("does not wait for room where nothing of its own is in the way", async () => {
    const workspace = makeWorkspace();
    many(workspace, "partition: closed", 2);
    const failures = failuresOf(await runOn(cluster, workspace, "--keep-going"));
    expect(failures["one@i=1"]).toMatchObject({ reason: "job-refused" });
    expect(failures["one@i=1"]!.message).toMatch(/violates accounting\/QOS policy/);
  });

  it("submits again where the last of its own ended while sbatch answered", async () => {
    const workspace = makeWorkspace();
    many(workspace, "", 1);
    // No room at the first call; and when the queue is asked then, nothing is in it any more.
    const sbatch = `#!/bin/sh
echo x >> '${workspace.path("calls")}'
if [ "$(wc -l < '${workspace.path("calls")}')" -gt 1 ]; then exec ${execFileSync("which", ["sbatch"], { encoding: "utf8" }).trim()} "$@"; fi
echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)" >&2
exit 1\n`;
    workspace.write("bin/sbatch", sbatch);
    chmodSync(workspace.path("bin/sbatch"), 0o755);
    const env = { ...cluster.env, PATH: `${workspace.path("bin")}:${process.env.PATH}` };
    const outcome = await workspace.runWith({ env }, "run", "--profile", "cluster", "--json");
    expect(failuresOf(outcome)).toEqual({});
    expect(outcome.summary).toMatchObject({ ran: 1, failed: 0 });
    expect(workspace.count("one")).toBe(1);
    expect(workspace.read("calls")).toBe("x\nx\n");
  });

  it("goes on when the controller is back, with what was done meanwhile", async () => {
    const workspace = makeWorkspace();
    workspace.write(
      "pipeline.yaml",
      YAML(
        "",
        `  slow: { cmd: ${text(gated(workspace, "slow"))}, outs: { x: x.txt } }
  next: { cmd: "cat \${deps.x} > \${outs.y}", deps: { x: slow.x }, outs: { y: y.txt } }\n`,
      ),
    );
    const run = beginOn(cluster, workspace);
    await run.printed(/"output","instance":"slow"/);
    cluster.endController();
    await run.printed(/controller does not answer/);
    workspace.write("go", "");
    await run.printed(/"ran","instance":"slow"/);
    cluster.startController();
    const outcome = await run.ended;
    expect(outcome.summary).toMatchObject({ ran: 2, failed: 0 });
    expect(workspace.counted()).toEqual(["slow"]);
    expect(arraysOf(outcome, "next")).toHaveLength(1);
    expect(warnings(outcome)).toContain("Slurm's controller does not answer; it is asked again until it does");
  });
});

describe.skipIf(missing !== undefined || !full)("a controller that can hold few jobs", () => {
  it("waits until it forgets some", { timeout: 300_000 }, async () => {
    const cluster = await startCluster({ settings: { MaxJobCount: 6, MinJobAge: 2 } });
    try {
      const workspace = makeWorkspace();
      many(workspace, "", 12);
      const outcome = await runOn(cluster, workspace);
      expect(outcome.summary).toMatchObject({ ran: 12, failed: 0 });
      expect(workspace.count("one")).toBe(12);
      expect(warnings(outcome)).toEqual([
        expect.stringMatching(/^Slurm takes no more jobs for now: .*temporarily unable/),
      ]);
    } finally {
      cluster.stop();
    }
  });
});
