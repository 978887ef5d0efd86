import { describe, expect, it } from "vitest";
import type { Failure } from "../../../src/engine/plan/event.ts";
import { makeWorkspace, type Outcome, stageModule, type Workspace } from "../../rig/workspace.ts";
import { named } from "./study.ts";

/** A command that fails with this exit code until it has been called so many times. */
function flaky(times: number, code: number, retries: string, declared = ""): Workspace {
  const workspace = makeWorkspace();
  const tries = workspace.path("tries");
  const command = `${workspace.counting("s")}; echo >> '${tries}'; [ $(wc -l < '${tries}') -gt ${times} ] || exit ${code}; echo 1 > \${outs.x}`;
  workspace.write(
    "pipeline.yaml",
    `version: 1
stages:
  s: { cmd: ${JSON.stringify(command)}, retries: ${retries}, outs: { x: x.txt } }
${declared}`,
  );
  return workspace;
}

function failureOf({ events }: Outcome, instance: string): Failure | undefined {
  const failed = events.find((event) => event.type === "failed" && event.instance === instance);
  return failed?.type === "failed" ? failed.failure : undefined;
}

describe("retries", () => {
  it("run an instance again after a declared exit code, and tell so", async () => {
    const workspace = flaky(2, 75, "{ times: 3, on: [75], delay: 0 }");
    const { code, events, summary } = await workspace.run("run", "--json");
    expect([code, summary]).toMatchObject([0, { ran: 1, failed: 0 }]);
    expect(workspace.count()).toBe(3);
    const told = events.flatMap((event) => (event.type === "retrying" ? [event] : []));
    expect(told).toMatchObject([
      { instance: "s", attempt: 2, attempts: 4, failure: { reason: "command-failed", exitCode: 75 } },
      { instance: "s", attempt: 3, attempts: 4 },
    ]);
    expect(named(events, "started")).toEqual(["s", "s", "s"]);
  });

  it("end after so many times, with the last failure", async () => {
    const workspace = flaky(9, 75, "{ times: 2, on: [command-failed], delay: 0 }");
    const outcome = await workspace.run("run", "--json");
    expect(outcome.code).toBe(1);
    expect(workspace.count()).toBe(3);
    expect(failureOf(outcome, "s")).toMatchObject({ reason: "command-failed", exitCode: 75 });
  });

  it("are for the declared failures alone", async () => {
    const workspace = flaky(1, 3, "{ times: 2, on: [75, killed], delay: 0 }");
    expect((await workspace.run("run")).code).toBe(1);
    expect(workspace.count()).toBe(1);
  });

  it("wait longer from one to the next, and end with an interruption", async () => {
    const workspace = flaky(9, 75, "{ times: 4, on: [75], delay: 20ms }");
    const { events } = await workspace.run("run", "--json");
    const seconds = events.flatMap((event) => (event.type === "retrying" ? [event.seconds] : []));
    expect(seconds).toEqual([0.02, 0.04, 0.08, 0.16]);

    const patient = flaky(9, 75, "{ times: 9, on: [75], delay: 1h }");
    const running = patient.start({}, "run", "--json");
    await running.printed(/"retrying"/);
    running.kill("SIGINT");
    const { code, summary } = await running.ended;
    expect([code, summary]).toMatchObject([130, { skipped: 1, failed: 0 }]);
  });

  it("leave the slot to others meanwhile", async () => {
    const workspace = flaky(1, 75, "{ times: 1, on: [75], delay: 300ms }");
    workspace.write(
      "pipeline.yaml",
      `${workspace.read("pipeline.yaml")}  t: { cmd: ${JSON.stringify(`${workspace.counting("t")}; touch \${outs.y}`)}, outs: { y: y } }\n`,
    );
    expect((await workspace.run("run", "--jobs", "1")).code).toBe(0);
    expect(workspace.counted().sort()).toEqual(["s", "s", "t"]);
    expect(workspace.counted().at(-1)).toBe("s");
  });
});

describe("a timeout", () => {
  it("ends a command and everything it has started", async () => {
    const workspace = makeWorkspace();
    const pid = workspace.path("pid");
    workspace.write(
      "pipeline.yaml",
      `version: 1
stages:
  s: { cmd: ${JSON.stringify(`echo begun; (echo $BASHPID > '${pid}'; exec sleep 1000) & wait; touch \${outs.x}`)}, timeout: 2s, outs: { x: x } }
`,
    );
    const outcome = await workspace.run("run", "--json");
    expect(outcome.code).toBe(1);
    expect(failureOf(outcome, "s")).toMatchObject({
      reason: "timed-out",
      message: "s was ended: it took longer than 2s",
      output: ["begun"],
    });
    // It has got its signal; when it is gone is the system's business.
    while (isThere(Number(workspace.read("pid")))) await new Promise(setImmediate);
  });

  it("ends a stage, and of a batch only the slow one", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
stages:
  s: { run: s.ts, batch: true, timeout: 2s, matrix: { n: [1, 2] }, params: { n: "\${n}" }, outs: { x: "x/\${n}" } }
`,
      "s.ts": stageModule(`const { n } = context.params as { n: number };
    writeFileSync(context.out("x"), "1");
    if (n === 2) await new Promise((fulfil) => setTimeout(fulfil, 1_000_000));`),
    });
    const outcome = await workspace.run("run", "--json", "--jobs", "1", "--keep-going");
    expect(outcome.summary).toMatchObject({ ran: 1, failed: 1 });
    expect(failureOf(outcome, "s@n=2")).toMatchObject({
      reason: "timed-out",
      message: expect.stringMatching(/than 2s$/),
    });
  });

  it("may be retried", async () => {
    const workspace = flaky(0, 0, "{ times: 1, on: [timed-out], delay: 0 }");
    const text = workspace.read("pipeline.yaml");
    workspace.write(
      "pipeline.yaml",
      text
        .replace("echo 1 >", `[ $(wc -l < '${workspace.path("tries")}') -gt 1 ] || sleep 1000; echo 1 >`)
        .replace("retries:", "timeout: 600ms, retries:"),
    );
    const { code, events } = await workspace.run("run", "--json");
    expect(code).toBe(0);
    expect(events.find((event) => event.type === "retrying")).toMatchObject({ failure: { reason: "timed-out" } });
  });
});

describe("mistakes in retries and timeouts", () => {
  it("are told where they are", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
stages:
  a: { cmd: "touch \${outs.x}", timeout: soon, retries: { times: 1, on: [kiled], delay: -1 }, outs: { x: a } }
  b: { cmd: "touch \${outs.x}", timeout: 0, retries: { times: 0 }, outs: { x: b } }
`,
    });
    const { code, stderr } = await workspace.run("run");
    expect(code).toBe(2);
    for (const told of [
      "the text `soon` is no duration",
      "`-1` is no duration",
      "no failure is called `kiled`",
      "did you mean `killed`?",
      "no time is too little",
      "`stages.b.retries` needs `on`",
      "`stages.b.retries.times`",
    ])
      expect(stderr).toContain(told);
  });
});

describe("--keep-going", () => {
  it("does all that does not depend on a failure, restores too, and tells what was not done by whose fault", async () => {
    const workspace = makeWorkspace();
    workspace.write(
      "pipeline.yaml",
      `version: 1
params: { bad: 0 }
stages:
  bad: { cmd: "[ \${params.bad} = 0 ]; echo 1 > \${outs.x}", outs: { x: bad } }
  after: { cmd: "cat \${deps.x} > \${outs.x}", deps: { x: bad.x }, outs: { x: after } }
  both: { cmd: "cat \${deps.x} \${deps.y} > \${outs.x}", deps: { x: after.x, y: good.x }, outs: { x: both } }
  good: { cmd: "echo 2 > \${outs.x}", outs: { x: good } }
  more: { cmd: "cat \${deps.x} > \${outs.x}", deps: { x: good.x }, outs: { x: more } }
  worse: { cmd: "exit \${params.bad}; touch \${outs.x}", outs: { x: worse } }
`,
    );
    await workspace.run("run", "good");
    workspace.remove("artifacts");
    const { code, events, summary } = await workspace.run("run", "--json", "-k", "--set", "bad=1");
    expect(code).toBe(1);
    expect(named(events, "failed")).toEqual(["bad", "worse"]);
    expect(named(events, "restored")).toEqual(["good"]);
    expect(named(events, "ran")).toEqual(["more"]);
    const skipped = events.flatMap((event) => (event.type === "skipped" ? [`${event.instance} ${event.because}`] : []));
    expect(skipped.sort()).toEqual(["after bad", "both bad"]);
    expect(summary).toMatchObject({ ran: 1, restored: 1, failed: 2, skipped: 2 });
  });
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
