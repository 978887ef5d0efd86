import { describe, expect, it } from "vitest";
import { makeWorkspace, stageModule, type Workspace } from "../rig/workspace.ts";

/** Two greetings, joined; each invocation is counted. */
function greetings(extra = ""): Workspace {
  const workspace = makeWorkspace();
  workspace.write(
    "pipeline.yaml",
    `version: 1
params: { greeting: hello }
profiles: { quick: {}, loud: { greeting: HELLO } }
stages:
  greet:
    cmd: |
      ${workspace.counting("greet ${who}")}
      echo \${params.greeting} \${who} > \${outs.text}
    matrix: { who: [world, moon] }
    outs: { text: "greet/\${who}.txt" }
  join:
    cmd: |
      ${workspace.counting("join")}
      cat \${deps.texts} > \${outs.all}
    deps: { texts: greet.text }
    outs: { all: all.txt }
${extra}`,
  );
  return workspace;
}

describe("run", () => {
  it("runs everything once, and then says that everything is fresh", async () => {
    const workspace = greetings();
    const first = await workspace.run("run");
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toMatch(/^quick · 3 instances\n/);
    expect(first.stdout).toMatch(/^✓ greet@who=moon +\d/m);
    expect(first.stdout).toMatch(/\n3 ran · \d+\.\d\d s\n$/);
    expect(workspace.read("artifacts/all.txt")).toBe("hello world\nhello moon\n");
    const second = await workspace.run("run");
    expect(second.stdout).toMatch(/^quick · 3 instances\neverything is fresh · 3 instances · \d\.\d\d s\n$/);
    expect(workspace.count()).toBe(3);
  });

  it("takes a target to mean it and what it depends on", async () => {
    const workspace = greetings();
    await workspace.run("run", "greet@who=moon");
    expect(workspace.counted()).toEqual(["greet moon"]);
    await workspace.run("run", "artifacts/all.txt");
    expect(workspace.counted().slice(1)).toEqual(["greet world", "join"]);
    expect((await workspace.runWith({ cwd: "artifacts" }, "run", "all.txt", "--json")).summary).toMatchObject({
      fresh: 3,
    });
  });

  it("writes one JSON object a line, the plan first and the summary last", async () => {
    const workspace = greetings();
    const { code, stdout, events, summary } = await workspace.run("run", "--json", "--profile", "loud");
    expect(code).toBe(0);
    expect(events).toHaveLength(stdout.trimEnd().split("\n").length);
    expect(events[0]).toMatchObject({
      type: "plan",
      profile: "loud",
      instances: 3,
      stages: [
        { stage: "greet", instances: 2 },
        { stage: "join", instances: 1 },
      ],
    });
    expect(summary).toMatchObject({ ran: 3, restored: 0, fresh: 0, failed: 0, skipped: 0 });
    expect(workspace.read("artifacts/all.txt")).toBe("HELLO world\nHELLO moon\n");
  });

  it("restores what another profile or setting has left behind", async () => {
    const workspace = greetings();
    await workspace.run("run");
    await workspace.run("run", "--set", "greeting=hi");
    expect(workspace.read("artifacts/all.txt")).toBe("hi world\nhi moon\n");
    expect(workspace.count()).toBe(6);
    const back = await workspace.run("run");
    expect(back.stdout).toMatch(/^↺ greet +2 restored\n↺ join +restored\n3 restored/m);
    expect(workspace.read("artifacts/all.txt")).toBe("hello world\nhello moon\n");
    expect(workspace.count()).toBe(6);
  });

  it("--force runs the targets again, and nothing that they depend on", async () => {
    const workspace = greetings();
    await workspace.run("run");
    await workspace.run("run", "join", "--force");
    expect(workspace.counted().slice(3)).toEqual(["join"]);
  });

  it("--dry-run tells what would run and why, and runs nothing", async () => {
    const workspace = greetings();
    const fresh = await workspace.run("run", "--dry-run");
    expect(fresh.stdout).toContain("greet (2 instances: who=world; who=moon)  will run\n    never run\n");
    expect(fresh.stdout).toContain("join  depends on greet\n    never run\n");
    expect(fresh.stdout).toContain("\n2 will run, 1 depends on them · 3 never timed\n");
    expect(workspace.count()).toBe(0);
    await workspace.run("run");
    expect((await workspace.run("run", "-n")).stdout).toBe("everything is fresh: 3 instances\n");
    expect((await workspace.run("run", "-n", "--force", "join")).stdout).toMatch(
      /^join {2}will run {2}took \d+\.\d\d s\n {4}forced\n\n1 will run, 2 fresh · less than 1 s with \d+ jobs?\n$/,
    );
  });

  it("shows a failure's last output and a command that repeats it, and exits with 1", async () => {
    const workspace = greetings(`  broken:
    cmd: "echo about to break; echo 'no such thing' >&2; exit 3"
    deps: { a: join.all }
    outs: { o: broken.txt }
  after: { cmd: "cp \${deps.o} \${outs.o}", deps: { o: broken.o }, outs: { o: after.txt } }
  beside: { cmd: "echo fine > \${outs.o}", outs: { o: beside.txt } }
`);
    const { code, stdout } = await workspace.run("run", "--keep-going", "--set", "greeting=good day");
    expect(code).toBe(1);
    expect(stdout).toContain("✗ broken  ");
    expect(stdout).toContain("    │ about to break\n");
    expect(stdout).toContain("    │ no such thing\n");
    expect(stdout).toMatch(/\n1 failed · 1 not run · 4 ran · /);
    expect(workspace.exists("artifacts/beside.txt")).toBe(true);
    const again = /run it alone: npx pipeline (.*)/.exec(stdout)?.[1];
    expect(again).toBe("run broken --set 'greeting=good day'");
    // What succeeded stays cached.
    const { summary } = await workspace.run("run", "broken", "--set", "greeting=good day", "--json");
    expect(summary).toMatchObject({ fresh: 3, failed: 1 });
  });

  it("--device reaches the stages that declare it, through PIPELINE_DEVICE", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
stages: { a: { cmd: "echo device $PIPELINE_DEVICE > \${outs.o}", env: [PIPELINE_DEVICE], outs: { o: o.txt } } }
`,
    });
    await workspace.run("run", "--device", "onnx:cpu");
    expect(workspace.read("artifacts/o.txt")).toBe("device onnx:cpu\n");
    await workspace.runWith({ env: { PIPELINE_DEVICE: "tensorflow" } }, "run");
    expect(workspace.read("artifacts/o.txt")).toBe("device tensorflow\n");
  });

  it("refuses a --device that nobody would hear of", async () => {
    const stages = 'stages: { a: { cmd: "echo > ${outs.o}", outs: { o: o.txt } } }';
    const workspace = makeWorkspace({ "pipeline.yaml": `version: 1\n${stages}\n` });
    for (const command of [["run"], ["status"], ["why", "a"], ["plan"], ["verify"], ["doctor"]]) {
      const { code, stdout, stderr } = await workspace.run(...command, "--device", "onnx:cpu");
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toBe(
        "error  --device `onnx:cpu` reaches nothing: no stage and no platform declares PIPELINE_DEVICE\n" +
          "     = leave it out, or add PIPELINE_DEVICE to the `env:` of the stage or platform that computes on it\n",
      );
    }
    const platforms = "platforms: { machine: { run: platform.ts, env: [DEVICE] } }";
    workspace.write("platform.ts", "export default {};\n");
    workspace.write(
      "pipeline.yaml",
      `version: 1\n${platforms}\n${stages.replace("cmd:", "platform: machine, cmd:")}\n`,
    );
    const { code, stderr } = await workspace.run("run", "--device", "onnx:cpu");
    expect(code).toBe(2);
    expect(stderr).toContain("of the platform `machine`");
  });

  it("tells a wrong --set once, with how many places it touches", async () => {
    const stages = ["b", "c", "d"].map((name) => `  ${name}: { cmd: ${name}, deps: { x: "a.o@i=\${params.i}" } }\n`);
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
params: { i: 1 }
stages:
  a: { cmd: "echo > \${outs.o}", matrix: { i: [1, 2] }, outs: { o: "o/\${i}" } }
${stages.join("")}`,
    });
    const { code, stderr } = await workspace.run("status", "--set", "i=3");
    expect(code).toBe(2);
    expect(
      stderr,
    ).toBe(`--set  error  \`a\` has no instance with i=3 (pipeline.yaml:5:27), and the like at 2 other places (lines 6, 7)
   │ i=3
   │   ~
   = it has i: 1, 2
`);
  });

  it("exits with 2 and a remedy when a platform is not there", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
platforms: { gpu: { run: platform.ts, env: [PIPELINE_DEVICE] } }
stages: { a: { run: a.ts, platform: gpu, outs: { o: o.txt } } }
`,
      "platform.ts": `export default { probe: async (env: Record<string, string | undefined>) =>
  ({ reason: "platform-unavailable", message: \`there is no \${env.PIPELINE_DEVICE}\`, remedy: "buy one" }) };
`,
      "a.ts": stageModule(""),
    });
    for (const command of [["run"], ["run", "-n"], ["status"], ["why", "a"]]) {
      const { code, stdout, stderr } = await workspace.run(...command, "--device", "big:gpu");
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toBe(
        "platform unavailable  the platform `gpu` is not available: there is no big:gpu\n     = buy one\n",
      );
    }
  });

  it("stops its children on Ctrl-C, exits with 130, and goes on next time", async () => {
    const workspace = makeWorkspace();
    workspace.write(
      "pipeline.yaml",
      `version: 1
stages:
  a: { cmd: "echo a > \${outs.o}", outs: { o: a.txt } }
  slow:
    cmd: |
      ${workspace.counting("slow")}
      [ -e go ] || { echo waiting; sleep 600; }
      echo $$ > \${outs.o}
    deps: { a: a.o }
    outs: { o: slow.txt }
  after: { cmd: "cp \${deps.o} \${outs.o}", deps: { o: slow.o }, outs: { o: after.txt } }
`,
    );
    const running = workspace.start({}, "run", "--json");
    await running.printed(/"type":"output","instance":"slow".*waiting/);
    running.kill("SIGINT");
    const { code, signal, summary, events } = await running.ended;
    expect({ code, signal }).toEqual({ code: 130, signal: null });
    expect(summary).toMatchObject({ ran: 1, failed: 0 });
    expect(events).toContainEqual({ type: "skipped", instance: "after", because: "interrupted" });
    workspace.write("go", "");
    expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: 1, ran: 2 });
    expect(workspace.count("slow")).toBe(2);
  });
});

describe("status and why", () => {
  it("tell stage by stage what is fresh, stale or waits", async () => {
    const workspace = greetings();
    expect((await workspace.run("status")).stdout).toBe(
      "quick · 3 instances\n  greet   2 will run\n  join    depends on greet\n2 will run, 1 depends on them · 3 never timed\n",
    );
    await workspace.run("run");
    expect((await workspace.run("status")).stdout).toBe("quick · 3 instances\neverything is fresh\n");
    expect((await workspace.run("why", "join")).stdout).toBe("fresh: 1 instance, nothing has changed\n");
    workspace.remove("artifacts/greet");
    expect((await workspace.run("status")).stdout).toMatch(/^ {2}greet +2 can be restored$/m);
    const lines = (await workspace.run("status", "--json")).stdout.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { state: string }).state)).toEqual([
      "restorable",
      "restorable",
      "fresh",
    ]);
  });

  it("explain a change by its values", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
params: { n: 3, deep: { list: [1, 2] } }
stages: { a: { run: a.ts, params: { n: "\${params.n}", list: "\${params.deep.list}" }, outs: { o: o.txt } } }
`,
      "a.ts": stageModule(`writeFileSync(context.out("o"), JSON.stringify(context.params));`),
    });
    expect((await workspace.run("run")).code).toBe(0);
    const { stdout } = await workspace.run("why", "a", "--set", "n=4");
    expect(stdout).toMatch(/^a {2}will run {2}took \d+\.\d\d s\n {4}params\.n {2}3 → 4\n$/);
  });
});

describe("clean", () => {
  it("removes declared outs of every profile, and what it did not make stays", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
params: { ks: [1] }
profiles: { quick: {}, more: { ks: [1, 2] } }
stages: { a: { cmd: "echo \${k} > \${outs.o}", matrix: { k: "\${params.ks}" }, outs: { o: "a/\${k}/o.txt" } } }
`,
      "artifacts/README.md": "kept\n",
      "artifacts/a/notes.txt": "mine\n",
    });
    await workspace.run("run", "--profile", "more");
    expect(workspace.list("artifacts")).toHaveLength(4);
    expect((await workspace.run("clean", "--dry-run")).stdout).toMatch(
      /^would remove 2 outs below artifacts\/\nleft 1 file/,
    );
    const { code, stdout } = await workspace.run("clean");
    expect(code).toBe(0);
    expect(stdout).toBe("removed 2 outs below artifacts/\nleft 1 file that no stage declares: a/notes.txt\n");
    expect(workspace.list("artifacts")).toEqual(["artifacts/README.md", "artifacts/a/notes.txt"]);
    expect((await workspace.run("run", "--profile", "more", "--json")).summary).toMatchObject({ restored: 2 });
    await workspace.run("clean", "--cache");
    expect(workspace.exists(".pipeline")).toBe(false);
    expect((await workspace.run("run", "--profile", "more", "--json")).summary).toMatchObject({ ran: 2 });
  });
});
