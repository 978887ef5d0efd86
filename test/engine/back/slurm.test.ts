import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { slurmEnvironment } from "../../../src/engine/slurm/ask.ts";
import { explainJob } from "../../../src/engine/slurm/end.ts";
import { openEvents } from "../../../src/engine/slurm/events.ts";
import { SLURM_DEFAULTS } from "../../../src/engine/slurm/options.ts";
import { isOver, isTrouble } from "../../../src/engine/slurm/queue.ts";
import { exportFlag, flagsOf } from "../../../src/engine/slurm/sbatch.ts";

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
    expect(exportFlag(environment)).toBe("--export=SLURM_CONF,PATH,HOME");
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
