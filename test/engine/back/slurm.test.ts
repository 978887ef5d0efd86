import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { slurmEnvironment } from "../../../src/engine/slurm/ask.ts";
import { explainJob } from "../../../src/engine/slurm/end.ts";
import { openArrivals, openEvents, settledIn } from "../../../src/engine/slurm/events.ts";
import { SLURM_DEFAULTS } from "../../../src/engine/slurm/options.ts";
import { isOver, isTrouble, parseAccounts, parseQueue, parseRecords } from "../../../src/engine/slurm/queue.ts";
import { answerOf, flagsOf, isOwnLimit, jobEnvironment } from "../../../src/engine/slurm/sbatch.ts";

describe("sbatch's flags", () => {
  it("are what resources and timeout say, rounded up to what Slurm counts in, the user's last", () => {
    const options = { ...SLURM_DEFAULTS, partition: "gpu", gres: "gpu:a100", time: 60, flags: ["--exclude=n7"] };
    const resources = { cpu: 1.5, memory: 2 ** 20 + 1 };
    expect(flagsOf({ resources, timeout: 90 }, 1, 2, options)).toEqual([
      "--partition=gpu",
      "--cpus-per-task=2",
      "--mem=2M",
      "--gres=gpu:a100:2",
      "--time=2", // 90 s and half a minute for the action to end by itself
      "--exclude=n7",
    ]);
    expect(flagsOf({ timeout: 90 }, 4, 0, SLURM_DEFAULTS)).toEqual(["--time=7"]);
    expect(flagsOf({}, 1, 0, options)).toEqual(["--partition=gpu", "--time=1", "--exclude=n7"]);
    expect(flagsOf({}, 1, 0, SLURM_DEFAULTS)).toEqual([]);
  });

  it("hand on where programs are, and neither secrets, nor devices, nor what a job of the driver's own is", () => {
    const environment = {
      PATH: "/bin",
      HOME: "/h",
      TOKEN: "secret",
      CUDA_VISIBLE_DEVICES: "3",
      SLURM_JOB_ID: "7",
      SLURM_CONF: "/c",
    };
    expect(jobEnvironment(environment)).toEqual({ PATH: "/bin", HOME: "/h", SLURM_CONF: "/c" });
    expect(Object.keys(slurmEnvironment(environment))).not.toContain("SLURM_JOB_ID");
    expect(slurmEnvironment(environment).SLURM_CONF).toBe("/c");
  });
});

describe("what a process tells", () => {
  it("is read as it is appended, whole lines only, and a line that a kill cut is passed over", () => {
    const folder = mkdtempSync(join(tmpdir(), "slurm-events-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "0");
    const events = openEvents(file);
    expect(events.read()).toEqual([]);
    writeFileSync(file, `{"type":"over"}\n{"type":"li`);
    expect(events.read()).toEqual([{ type: "over" }]);
    appendFileSync(file, `ne","member":0,"stream":"stdout","line":"ä"}\n{"type":"prog`);
    expect(events.read()).toEqual([{ type: "line", member: 0, stream: "stdout", line: "ä" }]);
    // Killed in the middle; the next start begins a new line.
    appendFileSync(file, `\n{"type":"over"}\n`);
    expect(events.read()).toEqual([{ type: "over" }]);
    expect(events.read()).toEqual([]);
  });
});

describe("what has been settled", () => {
  const began = (start: number) => ({ type: "began", job: "1_0", node: "n1", start, cpu: undefined }) as const;
  const failure = { reason: "killed", message: "", remedy: undefined, output: [] };
  const failed = (member: number, start: number) =>
    ({ type: "settled", member, start, end: { type: "failed", failure } }) as const;
  const finished = (member: number, start: number) =>
    ({ type: "settled", member, start, end: { type: "finished" } }) as const;

  it("is what failed in its own start, and what finished in any: a node that was given up may go on", () => {
    expect(settledIn([began(0), failed(0, 0), began(1), failed(1, 0), finished(2, 0), failed(3, 1)])).toEqual(
      new Set([0, 2, 3]),
    );
  });

  it("is looked for once a process has begun", () => {
    const folder = mkdtempSync(join(tmpdir(), "slurm-arrivals-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const arrivals = openArrivals(folder);
    arrivals.look();
    expect(arrivals.has(3)).toBe(false);
    // Within the coarseness of the folder's time, again and again.
    for (const index of [3, 4]) {
      writeFileSync(join(folder, String(index)), "");
      arrivals.look();
      expect(arrivals.has(index)).toBe(true);
    }
  });
});

describe("what sbatch answers", () => {
  it.each([
    [0, "12\n", "", "submitted"],
    [0, "12;cluster\n", "sbatch: warning: something\n", "submitted"],
    [
      1,
      "",
      "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)\n",
      "full",
    ],
    [null, "", "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n", "full"],
    [
      1,
      "",
      "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)\n",
      "silent",
    ],
    [1, "", "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n", "silent"],
    [1, "", "sbatch: error: Batch job submission failed: Invalid job array specification\n", "long"],
    [
      1,
      "",
      "sbatch: error: invalid partition specified: gpus\nsbatch: error: Batch job submission failed: Invalid partition name specified\n",
      "refused",
    ],
  ] as const)("%j %j %j is `%s`", (code, answer, trouble, type) => {
    expect(answerOf(code, answer, trouble).type).toBe(type);
  });

  it("tells a limit of one's own from a group's, where others may be in the way", () => {
    expect(isOwnLimit("Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)")).toBe(
      true,
    );
    expect(isOwnLimit("AssocGrpSubmitJobsLimit; Job violates accounting/QOS policy")).toBe(false);
    expect(isOwnLimit("Slurm temporarily unable to accept job, sleeping and retrying")).toBe(false);
  });
});

describe("what Slurm's programs print", () => {
  it("squeue's lines: one a process, a reason may hold anything", () => {
    const text =
      "12|3|PENDING||train.ab|ReqNodeNotAvail, UnavailableNodes:n[1-2]\n13|N/A|RUNNING|n1|shell|None\n12|4|RUNNING|n7|train.ab|None\n";
    expect(parseQueue(text)).toEqual([
      {
        job: "12",
        index: 3,
        state: "PENDING",
        node: "",
        name: "train.ab",
        reason: "ReqNodeNotAvail, UnavailableNodes:n[1-2]",
      },
      { job: "12", index: 4, state: "RUNNING", node: "n7", name: "train.ab", reason: "None" },
    ]);
    expect(parseQueue(undefined)).toBeUndefined();
  });

  it("sacct's lines: only what is over counts, and steps do not", () => {
    const text =
      "12_0|CANCELLED by 1000|n1\n12_1|RUNNING|n2\n12_2|NODE_FAIL|n3\n12_2.batch|CANCELLED|n3\n12_[3-9]|PENDING|None assigned\n";
    expect([...parseAccounts(text)].map(([id, { state, node }]) => [id, state, node])).toEqual([
      ["12_0", "CANCELLED", "n1"],
      ["12_2", "NODE_FAIL", "n3"],
    ]);
    expect(parseAccounts(undefined).size).toBe(0);
  });

  it("scontrol's records: of processes, not of those that still are one record", () => {
    const text = `JobId=15 ArrayJobId=12 ArrayTaskId=3 JobName=train.ab JobState=FAILED Reason=NonZeroExitCode Dependency=(null) ReqNodeList=n9 ExcNodeList=(null) NodeList=n1 BatchHost=n1
JobId=12 ArrayJobId=12 ArrayTaskId=4-9 JobName=train.ab JobState=PENDING Reason=Resources NodeList=(null)
`;
    expect([...parseRecords(text)]).toEqual([["12_3", { state: "FAILED", node: "n1", reason: "NonZeroExitCode" }]]);
    expect(parseRecords("slurm_load_jobs error: Invalid job id specified").size).toBe(0);
  });
});

describe("Slurm's words", () => {
  it("tell what is over from what goes on", () => {
    for (const state of ["TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY", "COMPLETED"])
      expect(isOver(state)).toBe(true);
    for (const state of ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED"])
      expect(isOver(state)).toBe(false);
  });

  it("tell waiting that ends by itself from waiting that somebody has to end", () => {
    for (const reason of ["Resources", "Priority", "None", "BeginTime", "Dependency"])
      expect(isTrouble(reason)).toBe(false);
    for (const reason of [
      "ReqNodeNotAvail, UnavailableNodes:n1",
      "JobHeldUser",
      "QOSMaxJobsPerUserLimit",
      "PartitionDown",
    ])
      expect(isTrouble(reason)).toBe(true);
  });

  it.each([
    ["TIMEOUT", "timed-out"],
    ["DEADLINE", "timed-out"],
    ["CANCELLED by 1000", "cancelled"],
    ["OUT_OF_MEMORY", "out-of-memory"],
    ["NODE_FAIL", "node-failed"],
    ["PREEMPTED", "preempted"],
    ["FAILED", "job-failed"],
    ["LOST", "job-lost"],
    ["REFUSED", "job-refused"],
  ])("%s is a failure `%s`", (state, reason) => {
    const failure = explainJob("train", { state, job: "12_3", node: "n1", began: true, output: ["last"] }, false);
    expect(failure).toMatchObject({ reason, output: ["last"] });
    expect(failure.message).toContain("12_3");
  });
});
