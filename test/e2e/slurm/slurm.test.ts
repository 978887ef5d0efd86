import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MiniCluster, noSlurm, startCluster } from "../../rig/slurm.ts";
import { makeWorkspace, type Outcome, type Running, stageModule, type Workspace } from "../../rig/workspace.ts";
import {
  arraysOf,
  beginOn,
  eventsOf,
  failuresOf,
  gated,
  hurry,
  idle,
  pathWithout,
  pause,
  resultsOf,
  runOn,
  YAML,
} from "./on-cluster.ts";

const missing = noSlurm();
if (missing !== undefined) console.warn(`skipped: the Slurm executor's tests — ${missing}`);

let cluster: MiniCluster;

const onCluster = (workspace: Workspace, ...args: readonly string[]): Promise<Outcome> =>
  runOn(cluster, workspace, ...args);
const begin = (workspace: Workspace): Running => beginOn(cluster, workspace);

const text = JSON.stringify;

// A busy machine makes a cluster of it slow.
describe.skipIf(missing !== undefined)("run --executor slurm", { timeout: 180_000 }, () => {
  beforeAll(async () => {
    cluster = await startCluster({ gres: true });
  });
  afterAll(() => cluster.stop());

  it("runs a matrix as job arrays and a batch as one job, with the keys and bytes of a local run", async () => {
    const make = (): Workspace => {
      const workspace = makeWorkspace({
        "platform.js": `export default { async probe() { return { facts: { device: "cpu" }, watched: [] } } };\n`,
        "square.ts": stageModule(`
          context.log(\`\${context.name} of \${JSON.stringify(context.platform)}\`);
          context.progress({ done: 1, total: 2, unit: "steps" });
          const value = Number(readFileSync(context.dep("x").path, "utf8"));
          writeFileSync(context.out("y"), JSON.stringify({ value, square: value ** 2, word: process.env.WORD }));
        `),
        "all.ts": `import { writeFileSync } from "node:fs";
          export default {
            async run() { throw new Error("a batch of one"); },
            async runBatch(members) {
              for (const member of members) await member.settle(() => writeFileSync(member.out("z"), member.name));
            },
          };`,
      });
      workspace.write(
        "pipeline.yaml",
        YAML(
          "array: 5",
          `  number: { matrix: { i: "\${params.n}" }, cmd: ${text(`echo number >> ../invocations.txt; echo "threads $PIPELINE_THREADS"; echo \${i} > \${outs.x}`)}, outs: { x: "n/\${i}.txt" } }
  square: { run: square.ts, platform: p, env: [WORD], matrix: { of: number }, deps: { x: number.x }, outs: { y: "s/\${i}.json" } }
  all: { run: all.ts, batch: { max: 4 }, matrix: { of: number }, outs: { z: "z/\${i}.txt" } }
  sum: { cmd: "cat \${deps.y} > \${outs.t}", deps: { y: square.y }, outs: { t: sum/t.txt } }
`,
          "{ n: { range: { from: 1, to: 8, step: 1 } } }",
        ).replace("stages:", "platforms: { p: { run: platform.js } }\nstages:"),
      );
      return workspace;
    };
    const [there, here] = [make(), make()];
    const env = { ...cluster.env, WORD: "same" };
    const remote = await there.runWith({ env }, "run", "--profile", "cluster", "--json");
    expect(failuresOf(remote)).toEqual({});
    expect(remote.summary).toMatchObject({ ran: 25, failed: 0 });
    expect(arraysOf(remote, "number")).toHaveLength(2); // of 5 and 3
    expect(arraysOf(remote, "all")).toHaveLength(1);
    expect(
      new Set(eventsOf(remote, "job").flatMap(({ instance, job }) => (instance.startsWith("all@") ? [job] : []))).size,
    ).toBe(2);
    expect(there.count("number")).toBe(8);
    // The view is that of a local run.
    expect(eventsOf(remote, "progress").some(({ instance }) => instance === "square@i=3")).toBe(true);
    const line = { type: "output", instance: "square@i=3", stream: "stdout", line: `square@i=3 of {"device":"cpu"}` };
    expect(remote.events).toContainEqual(line);
    expect(there.read(".pipeline/logs/number@i=3.log")).toBe("threads 1\n");

    const local = await here.runWith({ env }, "run", "--json");
    expect(local.summary).toMatchObject({ ran: 25 });
    expect(eventsOf(local, "job")).toEqual([]);
    expect(resultsOf(there)).toEqual(resultsOf(here));
    expect((await there.runWith({ env }, "run", "--executor", "local", "--json")).summary).toMatchObject({ fresh: 25 });
    // Nothing is left but the program that jobs run.
    expect(there.list(".pipeline/slurm").filter((file) => !file.includes("/build/"))).toEqual([]);
  });

  it("finds the jobs of a driver that was killed, running or done meanwhile, and runs nothing twice", async () => {
    const workspace = makeWorkspace();
    workspace.write(
      "pipeline.yaml",
      YAML(
        "",
        `  slow: { matrix: { i: [1, 2, 3] }, cmd: ${text(gated(workspace, "slow ${i}"))}, outs: { x: "\${i}.txt" } }\n`,
      ),
    );
    const first = begin(workspace);
    await Promise.all([1, 2, 3].map((i) => first.printed(new RegExp(`"output","instance":"slow@i=${i}"`))));
    first.kill("SIGKILL");
    await first.ended;
    const second = begin(workspace);
    await second.printed(/"slow@i=3","job":"\d+_2","state":"found"/);
    second.kill("SIGKILL");
    await second.ended;
    // They end while nobody looks.
    workspace.write("go", "");
    await idle(cluster);
    const third = await onCluster(workspace);
    expect(third.summary).toMatchObject({ ran: 3, failed: 0 });
    expect(eventsOf(third, "job").filter(({ state }) => state === "found")).toHaveLength(3);
    expect(eventsOf(third, "job").filter(({ state }) => state === "queued")).toEqual([]);
    expect(workspace.counted().sort()).toEqual(["slow 1", "slow 2", "slow 3"]);
    expect(workspace.read("artifacts/2.txt")).toBe("done\n");
  });

  it("finds the rest of a batch, which goes on with it when it is put back", async () => {
    const workspace = makeWorkspace({
      "all.ts": `import { appendFileSync, existsSync, writeFileSync } from "node:fs";
        import { setTimeout } from "node:timers/promises";
        export default {
          async run(context) { await this.runBatch([{ ...context, settle: (work) => work() }]); },
          async runBatch(members) {
            for (const member of members) await member.settle(async () => {
              appendFileSync("shared/log", member.name + "\\n");
              member.log("begun");
              while (member.instance.i === 2 && !existsSync("shared/go")) await setTimeout(20);
              writeFileSync(member.out("z"), member.name);
            });
          },
        };`,
    });
    const stage = `  all: { run: all.ts, batch: true, writes: [shared], matrix: { i: [1, 2, 3] }, outs: { z: "\${i}.txt" } }\n`;
    workspace.write("pipeline.yaml", YAML("", stage));
    const first = begin(workspace);
    await first.printed(/"ran","instance":"all@i=1"/);
    await first.printed(/"output","instance":"all@i=2"/);
    first.kill("SIGKILL");
    await first.ended;
    const second = begin(workspace);
    await second.printed(/"output","instance":"all@i=2"/);
    const [job = ""] = cluster.ask("squeue", "--noheader", "--array", "--format=%F_%K").split("\n");
    cluster.ask("scontrol", "requeuehold", job);
    await second.printed(/"state":"requeued"/);
    // Its first start has to be gone before the second.
    while (cluster.ask("sinfo", "--noheader", "--format=%T", "--partition=main").trim() !== "idle") await pause();
    await hurry(cluster, job);
    cluster.ask("scontrol", "release", job);
    workspace.write("shared/go", "");
    const outcome = await second.ended;
    expect(outcome.summary).toMatchObject({ ran: 2, failed: 0 });
    expect(eventsOf(outcome, "job").filter(({ state }) => state === "found")).toHaveLength(2);
    expect(arraysOf(outcome, "all")).toEqual([job.replace(/_0$/, "")]);
    expect(workspace.read("shared/log").trim().split("\n")).toEqual(["all@i=1", "all@i=2", "all@i=2", "all@i=3"]);
    expect(workspace.list("artifacts").map((file) => workspace.read(file))).toEqual(["all@i=1", "all@i=2", "all@i=3"]);
  });

  it("does not take the result of a job whose inputs were edited after it was submitted", async () => {
    const workspace = makeWorkspace({ "in.txt": "1" });
    const slow = gated(workspace, "slow");
    workspace.write(
      "pipeline.yaml",
      YAML("", `  slow: { cmd: ${text(slow)}, deps: { i: { files: in.txt } }, outs: { x: x.txt } }\n`),
    );
    const first = begin(workspace);
    await first.printed(/"output","instance":"slow"/);
    first.kill("SIGKILL");
    await first.ended;
    // Another content, and back: the key is the same, and what the job has read is not known.
    workspace.write("in.txt", "2");
    workspace.write("in.txt", "1");
    workspace.write("go", "");
    const second = await onCluster(workspace);
    expect(second.summary).toMatchObject({ ran: 1 });
    expect(workspace.count("slow")).toBe(2);
  });

  it("cancels its jobs on Ctrl-C, or leaves them to the next run", async () => {
    const workspace = makeWorkspace();
    const stages = `  slow: { matrix: { i: [1, 2] }, cmd: ${text(gated(workspace, "slow"))}, outs: { x: "\${i}.txt" } }\n`;
    workspace.write("pipeline.yaml", YAML("", stages));
    const first = begin(workspace);
    await Promise.all([1, 2].map((i) => first.printed(new RegExp(`"output","instance":"slow@i=${i}"`))));
    first.kill("SIGINT");
    const stopped = await first.ended;
    expect(stopped.code).toBe(130);
    expect(stopped.summary).toMatchObject({ skipped: 2, failed: 0 });
    expect(cluster.ask("squeue", "--noheader")).toBe("");

    workspace.write("pipeline.yaml", YAML("onInterrupt: leave", stages));
    const second = begin(workspace);
    await Promise.all([1, 2].map((i) => second.printed(new RegExp(`"output","instance":"slow@i=${i}"`))));
    second.kill("SIGINT");
    const left = await second.ended;
    expect(left.code).toBe(130);
    expect(eventsOf(left, "warning").map(({ message }) => message)).toContain(
      "2 jobs go on in Slurm; the next run takes their results",
    );
    workspace.write("go", "");
    const third = await onCluster(workspace);
    expect(third.summary).toMatchObject({ ran: 2 });
    expect(workspace.count()).toBe(4);
  });

  it("puts a preempted job back, which goes on from what it had kept", async () => {
    const workspace = makeWorkspace();
    const { path } = workspace;
    const command = `${workspace.counting("start")}; touch "$PIPELINE_RESUME/$(ls "$PIPELINE_RESUME" | wc -l)"; ls "$PIPELINE_RESUME" | wc -l > '${path("kept")}'; echo kept; until [ -e '${path("go")}' ]; do sleep 0.05; done; echo end > \${outs.x}`;
    workspace.write("pipeline.yaml", YAML("", `  long: { cmd: ${text(command)}, resume: true, outs: { x: x.txt } }\n`));
    const run = begin(workspace);
    await run.printed(/"line":"kept"/);
    cluster.ask("sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 1");
    await run.printed(/"job":"\d+_0","state":"requeued"/);
    await hurry(cluster, cluster.ask("squeue", "--noheader", "--array", "--format=%F_%K %j").split(" ")[0]!);
    await run.printed(/"state":"running"[\s\S]*"state":"requeued"[\s\S]*"state":"running"/);
    workspace.write("go", "");
    const outcome = await run.ended;
    expect(outcome.summary).toMatchObject({ ran: 1, failed: 0 });
    expect(workspace.count("start")).toBe(2);
    expect(workspace.read("kept").trim()).toBe("2");
    expect(arraysOf(outcome, "long")).toHaveLength(1);
    expect(workspace.list(".pipeline/resume")).toEqual([]);
  });

  it("tells that nodes are drained, and goes on when one is back", async () => {
    const workspace = makeWorkspace();
    workspace.write("pipeline.yaml", YAML("", `  one: { cmd: "echo 1 > \${outs.x}", outs: { x: x.txt } }\n`));
    cluster.ask("scontrol", "update", "nodename=n1,n2", "state=drain", "reason=test");
    const run = begin(workspace);
    await run.printed(/jobs of one wait in the queue of Slurm: [^"]*(DRAIN|NotAvail)/);
    cluster.ask("scontrol", "update", "nodename=n1,n2", "state=resume");
    expect((await run.ended).summary).toMatchObject({ ran: 1, failed: 0 });
  });

  it("tells ends of jobs apart: time limits, cancelled, refused", async () => {
    const workspace = makeWorkspace();
    const hang = "echo started; sleep 300";
    workspace.write(
      "pipeline.yaml",
      YAML(
        "partition: apart, time: 2m",
        `  limited: { cmd: "${hang}", outs: { x: a.txt } }
  timed: { cmd: "${hang}", timeout: 1s, outs: { x: b.txt } }
  ended: { cmd: "${hang}", outs: { x: c.txt } }
  large: { cmd: "${hang}", resources: { memory: 900GB }, outs: { x: d.txt } }
`,
      ),
    );
    const run = workspace.start({ env: cluster.env }, "run", "--profile", "cluster", "--json", "--keep-going");
    await Promise.all(["limited", "ended"].map((name) => run.printed(new RegExp(`"output","instance":"${name}"`))));
    const jobs = cluster.ask("squeue", "--noheader", "--array", "--format=%F_%K %j").split("\n");
    const jobOf = (stage: string): string => jobs.find((line) => line.includes(` ${stage}.`))!.split(" ")[0]!;
    // Two minutes are over: the controller looks every half a minute.
    cluster.ask("scontrol", "update", `jobid=${jobOf("limited")}`, "endtime=now");
    cluster.ask("scancel", jobOf("ended"));
    const failures = failuresOf(await run.ended);
    expect(failures.limited).toMatchObject({
      reason: "timed-out",
      output: ["started", expect.stringContaining("DUE TO TIME LIMIT")],
    });
    expect(failures.limited!.message).toMatch(
      /^limited was ended by Slurm on n3: its job \d+_0 reached its time limit$/,
    );
    expect(failures.timed).toMatchObject({ reason: "timed-out", message: "timed was ended: it took longer than 1s" });
    expect(failures.ended).toMatchObject({ reason: "cancelled" });
    expect(failures.large).toMatchObject({ reason: "job-refused" });
  });

  it("waits while the queue is full, and submits what fits", async () => {
    const workspace = makeWorkspace();
    const command = `${workspace.counting("one")}; echo 1 > \${outs.x}`;
    const stage = `  one: { matrix: { i: "\${params.n}" }, cmd: ${text(command)}, outs: { x: "\${i}.txt" } }\n`;
    workspace.write(
      "pipeline.yaml",
      YAML("partition: crowded", stage, "{ n: { range: { from: 1, to: 8, step: 1 } } }"),
    );
    const outcome = await onCluster(workspace);
    expect(outcome.summary).toMatchObject({ ran: 8, failed: 0 });
    expect(workspace.count("one")).toBe(8);
    expect(arraysOf(outcome, "one").length).toBeGreaterThan(1);
    const full = eventsOf(outcome, "warning").filter(({ message }) =>
      /^Slurm takes no more jobs for now/.test(message),
    );
    expect(full.map(({ message }) => message)).toEqual([expect.stringContaining("job submit limit")]);
  });

  it("gives devices, and no result a key that is not its node's", async () => {
    const workspace = makeWorkspace({
      // A fact that differs from node to node, as a driver's version may.
      "platform.js": `import { readFileSync } from "node:fs";
        const node = /SLURMD_NODENAME=(\\w+)/.exec(readFileSync(\`/proc/\${process.ppid}/environ\`, "utf8"))?.[1];
        export default { async probe() { return { facts: { device: "cpu", driver: node === "n1" ? 1 : 2 }, watched: [] } } };\n`,
      "where.ts": stageModule(`writeFileSync(context.out("x"), JSON.stringify(context.resources.gpus));`),
    });
    const yaml = (flag: string): string =>
      YAML(
        `flags: [${flag}]`,
        `  where: { run: where.ts, platform: p, matrix: { i: [1] }, RESOURCES outs: { x: "\${i}.json" } }\n`,
      ).replace("stages:", "platforms: { p: { run: platform.js } }\nstages:");
    workspace.write("pipeline.yaml", yaml("").replace("RESOURCES", "resources: { gpu: 0.5 },"));
    expect((await onCluster(workspace)).summary).toMatchObject({ ran: 1 });
    // Of the only node that has one.
    expect(JSON.parse(workspace.read("artifacts/1.json"))).toEqual(["0"]);

    const file = ".pipeline/index/cluster.json";
    workspace.write("pipeline.yaml", yaml("--nodelist=n1").replace("RESOURCES", ""));
    expect((await onCluster(workspace)).summary).toMatchObject({ ran: 1 });
    // An answer that is out of date.
    workspace.write(file, workspace.read(file).replace('"driver":1', '"driver":2'));
    const stale = await onCluster(workspace, "--force");
    expect(failuresOf(stale)["where@i=1"]).toMatchObject({
      reason: "platform-mismatch",
      message: "the node n1 is not what where@i=1's key says of `p`: driver is 1, expected 2",
    });
    expect((await onCluster(workspace)).summary).toMatchObject({ fresh: 1 });
  });

  it("leaves to gc what no driver will ask for, and no sooner", async () => {
    const workspace = makeWorkspace();
    const stages = (word: string): string =>
      `  slow: { matrix: { i: [1, 2] }, cmd: ${text(`${gated(workspace, "slow")}; true ${word}`)}, outs: { x: "\${i}.txt" } }\n`;
    workspace.write("pipeline.yaml", YAML("", stages("one")));
    const first = begin(workspace);
    await Promise.all([1, 2].map((i) => first.printed(new RegExp(`"output","instance":"slow@i=${i}"`))));
    first.kill("SIGKILL");
    await first.ended;
    const gc = async (env: Readonly<Record<string, string>>, ...args: string[]): Promise<string> =>
      (await workspace.runWith({ env }, "gc", "--older-than", "0", ...args)).stdout;
    const submissions = (): string[] =>
      workspace.list(".pipeline/slurm").filter((file) => file.endsWith("/common.json"));
    workspace.write(".pipeline/slurm/build/0123/worker.cjs", "the program of an earlier version");

    // Edited: no plan reaches them any more, and they run.
    workspace.write("pipeline.yaml", YAML("", stages("two")));
    expect(await gc(cluster.env)).toMatch(/^removed 0 results, 0 blobs and 1 job program /);
    expect(submissions()).toHaveLength(1);
    workspace.write("go", "");
    await idle(cluster);
    // Done; only Slurm knows.
    expect(await gc({ PATH: pathWithout("squeue") })).toMatch(/^removed 0 results and 0 blobs /);
    workspace.write("pipeline.yaml", YAML("", stages("one")));
    expect(await gc(cluster.env)).toMatch(/^removed 0 results and 0 blobs /);
    workspace.write("pipeline.yaml", YAML("", stages("two")));
    const told = await gc(cluster.env, "--dry-run");
    expect(told).toMatch(
      /^submission slow\.[0-9a-f]{10} \(\d.*\)\nwould remove 0 results, 0 blobs and 1 Slurm submission /,
    );
    expect(submissions()).toHaveLength(1);
    expect(await gc(cluster.env)).toMatch(/^removed 0 results, 0 blobs and 1 Slurm submission /);
    expect(workspace.list(".pipeline/slurm").filter((file) => !file.includes("/build/"))).toEqual([]);
  });

  it("says what is missing where there is no Slurm", async () => {
    const workspace = makeWorkspace();
    workspace.write("pipeline.yaml", YAML("", `  one: { cmd: "true", outs: { x: x.txt } }\n`));
    const outcome = await workspace.runWith({ env: { PATH: "/nowhere" } }, "run", "--executor", "slurm");
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain("sbatch, squeue, scancel are not on the PATH");
  });
});
