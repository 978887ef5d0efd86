import { describe, expect, it } from "vitest";
import { makeWorkspace, stageModule } from "../rig/workspace.ts";

const COMMANDS = ["run", "status", "plan", "why", "watch", "log", "graph", "verify", "gc", "cache", "clean", "doctor"];

const twoStages = `version: 1
params: { greeting: hello }
profiles: { quick: {}, loud: { greeting: HELLO } }
stages:
  greet:
    cmd: "echo \${params.greeting} \${who} > \${outs.text}"
    matrix: { who: [world, moon] }
    outs: { text: "greet/\${who}.txt" }
  join:
    cmd: "cat \${deps.texts} > \${outs.all}"
    deps: { texts: greet.text }
    outs: { all: all.txt }
`;

describe("the command line", () => {
  it.each(COMMANDS)("%s --help shows its options and an example", async (name) => {
    const { code, stdout, stderr } = await makeWorkspace().run(name, "--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^pipeline ${name} `));
    expect(stdout).toContain(`  pipeline ${name}`);
    expect(stdout).toContain("--help");
  });

  it("lists all commands in its help", async () => {
    for (const args of [[], ["--help"], ["-h"], ["help"]]) {
      const { code, stdout } = await makeWorkspace().run(...args);
      expect(code).toBe(0);
      for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} +\\w`, "m"));
    }
  });

  it("takes help as a command as well", async () => {
    const workspace = makeWorkspace();
    expect(await workspace.run("help", "why")).toEqual(await workspace.run("why", "--help"));
  });

  it("tells its version", async () => {
    expect((await makeWorkspace().run("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [["rnu"], "there is no command `rnu`", "did you mean `run`?"],
    [["run", "--keep-gong"], "`pipeline run` has no option `--keep-gong`", "did you mean `--keep-going`?"],
    [["--colour", "run"], "`pipeline run` has no option `--colour`", "did you mean `--color`?"],
    [["run", "--jobs", "0"], "--jobs cannot be `0`", "--jobs 4"],
    [["run", "--jobs"], "`--jobs` needs a value", "write --jobs N"],
    [["run", "--set", "--force"], "`--set` needs a value, and `--force` follows it", "--set=VALUE"],
    [["run", "--force=yes"], "`--force` takes no value", "write --force alone"],
    [["why"], "`pipeline why` needs an argument", "pipeline why --help"],
    [["clean", "train"], "`train` is one too many", "pipeline clean --help"],
    [["gc", "--older-than", "soon"], "--older-than cannot be `soon`", "14d, 12h or 0"],
    [["gc", "--max-size", "much"], "--max-size cannot be `much`", "500MB or 20GB"],
    [["cache", "chekc"], "there is no `pipeline cache chekc`", "did you mean `check`?"],
    [["graph", "--format", "dot"], "there is no format `dot`", "text, mermaid, json"],
    [["status", "-C", "nowhere"], "there is no folder", "--cwd DIR"],
    [["run", "gret"], "there is no stage, instance or out `gret`", "did you mean `greet`?"],
    [["run", "--profile", "lound"], "there is no profile `lound`", "did you mean `loud`?"],
    [["run", "--set", "greting=x"], "--set sets `params.greting`, which has no default", "did you mean `greeting`?"],
  ])("%j is wrong: exit code 2 and what to write instead", async (args, message, remedy) => {
    const { code, stdout, stderr } = await makeWorkspace({ "pipeline.yaml": twoStages }).run(...args);
    expect(stderr).toContain(message);
    expect(stderr).toContain(remedy);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("shows every mistake of pipeline.yaml with place, line and squiggle, and runs nothing", async () => {
    const workspace = makeWorkspace();
    workspace.write(
      "pipeline.yaml",
      `version: 1
stages:
  fine: { cmd: "${workspace.counting("fine").replaceAll('"', '\\"')}" }
  trian: { cmd: x, deps: { d: fien.out }, platfrom: numeric }
`,
    );
    const { code, stdout, stderr } = await workspace.run("run");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    const column = "  trian: { cmd: x, deps: { d: ".length + 1;
    expect(stderr).toContain(`pipeline.yaml:4:${column}  error  there is no stage \`fien\`
  4 │   trian: { cmd: x, deps: { d: fien.out }, platfrom: numeric }
    │                               ~~~~
    = did you mean \`fine\`?`);
    expect(stderr).toContain("stage `trian` has no key `platfrom`");
    expect(stderr).toMatch(/2 errors\n$/);
    expect(workspace.count()).toBe(0);
  });

  it("says what is missing where there is no pipeline.yaml", async () => {
    const { code, stderr } = await makeWorkspace().run("run");
    expect(code).toBe(2);
    expect(stderr).toMatch(/there is no pipeline\.yaml in .*\n.*--cwd DIR/);
  });

  it("finds the workspace from a folder inside, and through -C", async () => {
    const workspace = makeWorkspace({ "pipeline.yaml": twoStages, "deep/er/x": "" });
    const expected = (await workspace.run("graph")).stdout;
    expect(expected).toMatch(/^greet ×2/);
    expect((await workspace.runWith({ cwd: "deep/er" }, "graph")).stdout).toBe(expected);
    expect((await workspace.runWith({ cwd: "deep" }, "graph", "-C", "..")).stdout).toBe(expected);
    expect((await workspace.runWith({ cwd: "deep" }, "-C", "er", "graph")).stdout).toBe(expected);
  });

  it("colours when asked to, and never because of NO_COLOR", async () => {
    const workspace = makeWorkspace({ "pipeline.yaml": twoStages });
    const colour = String.fromCharCode(27);
    expect((await workspace.run("graph", "--color")).stdout).toContain(colour);
    expect((await workspace.runWith({ env: { FORCE_COLOR: "1" } }, "graph")).stdout).toContain(colour);
    expect((await workspace.runWith({ env: { FORCE_COLOR: "1", NO_COLOR: "1" } }, "graph")).stdout).not.toContain(
      escape,
    );
    expect((await workspace.runWith({ env: { FORCE_COLOR: "1" } }, "graph", "--no-color")).stdout).not.toContain(
      escape,
    );
  });

  it("warns in one line of what nothing uses, and goes on", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": twoStages.replace("greeting: hello", "greeting: hello, spare: 1"),
    });
    for (const round of ["loaded", "from the cache of plans"]) {
      const { code, stderr } = await workspace.run("graph");
      expect({ round, code, stderr }).toEqual({
        round,
        code: 0,
        stderr:
          "warning  pipeline.yaml:2:28  no stage uses `params.spare`: remove it, or hand it to a stage under `params:`\n",
      });
    }
  });

  it("sees every change of pipeline.yaml and of the files it names, whatever is cached", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1\nstages: { a: { run: stages/a.ts, deps: { d: { files: "data/*.csv" } } } }\n`,
      "stages/a.ts": stageModule(""),
      "data/x.csv": "1\n",
    });
    expect((await workspace.run("graph")).code).toBe(0);
    expect((await workspace.run("graph")).code).toBe(0);
    workspace.remove("data/x.csv");
    expect((await workspace.run("graph")).stderr).toContain("no file matches `data/*.csv`");
    workspace.write("data/y.csv", "");
    expect((await workspace.run("graph")).code).toBe(0);
    workspace.remove("stages/a.ts");
    expect((await workspace.run("graph")).stderr).toContain("there is no file `stages/a.ts`");
    workspace.write("stages/a.ts", stageModule(""));
    workspace.write("pipeline.yaml", "version: 1\nstages: { b: { cmd: b } }\n");
    expect((await workspace.run("graph")).stdout).toBe("b\n");
  });
});

describe("graph", () => {
  it("shows stages with what they read, producers first", async () => {
    const workspace = makeWorkspace({ "pipeline.yaml": twoStages });
    expect((await workspace.run("graph")).stdout).toBe("greet ×2\njoin       ← greet.text (all)\n");
    expect((await workspace.run("graph", "greet@who=moon")).stdout).toBe("greet\n");
  });

  it("draws mermaid", async () => {
    const { stdout } = await makeWorkspace({ "pipeline.yaml": twoStages }).run("graph", "--format", "mermaid");
    expect(stdout).toBe(`flowchart LR
  s_greet["greet ×2"]
  s_join["join"]
  s_greet -->|text| s_join
`);
  });

  it("writes JSON", async () => {
    const { stdout } = await makeWorkspace({ "pipeline.yaml": twoStages }).run("graph", "--format=json");
    const { stages } = JSON.parse(stdout) as { stages: { stage: string; instances: number; deps: unknown[] }[] };
    expect(stages.map(({ stage, instances }) => `${stage} ${instances}`)).toEqual(["greet 2", "join 1"]);
    expect(stages[1]!.deps).toEqual([{ name: "texts", stage: "greet", out: "text", each: true }]);
  });
});

describe("doctor", () => {
  it("shows the machine, the workspace and what the workspace's module finds", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": "version: 1\ndoctor: stages/doctor.ts\nstages: { a: { cmd: a } }\n",
      "stages/answer.ts": `export const answer = (device: string | undefined): string => \`device \${device ?? "none"}\`;\n`,
      "stages/doctor.ts": `import { answer } from "./answer.ts";
export default async () => [
  { name: "runtime", ok: true, detail: answer(process.env.PIPELINE_DEVICE) },
  { name: "data", ok: false, detail: "is not there", remedy: "npm run data" },
];
`,
    });
    const { code, stdout, stderr } = await workspace.run("doctor", "--device", "onnx:cpu");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`✓ node        ${process.versions.node}`);
    expect(stdout).toContain("✓ runtime     device onnx:cpu\n");
    expect(stdout).toContain("– data        is not there\n              npm run data\n");
    expect(workspace.list(".pipeline/tmp")).toEqual([]);
    const json = JSON.parse((await workspace.run("doctor", "--json")).stdout) as { findings: { name: string }[] };
    expect(json.findings.map(({ name }) => name)).toEqual(["node", "machine", "cache", "workspace", "runtime", "data"]);
  });

  it("survives a module that throws, that ends the process, and that returns something else", async () => {
    const bodies = [
      "throw new Error('no driver');",
      "process.kill(process.pid, 'SIGKILL');",
      "return 3;",
      "return [{ name: 1 }];",
    ];
    for (const body of bodies) {
      const workspace = makeWorkspace({
        "pipeline.yaml": "version: 1\ndoctor: doctor.ts\nstages: { a: { cmd: a } }\n",
        "doctor.ts": `export default async () => { ${body} };\n`,
      });
      const { code, stdout } = await workspace.run("doctor");
      expect(code).toBe(1);
      expect(stdout).toMatch(/– doctor\.ts +ended with (code \d|SIGKILL) and no findings/);
    }
  });

  it("shows the configuration's mistakes as well", async () => {
    const { code, stdout, stderr } = await makeWorkspace({ "pipeline.yaml": "version: 1\n" }).run("doctor");
    expect(code).toBe(2);
    expect(stdout).toMatch(/– workspace .*1 error \(below\)/);
    expect(stderr).toContain("pipeline.yaml needs `stages`");
  });
});
