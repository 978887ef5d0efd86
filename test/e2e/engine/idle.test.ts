import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, renameSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeWorkspace, type RunOptions, repository, stageModule, type Workspace } from "../../rig/workspace.ts";
import { runNoting as run, writeSecretly } from "./noting.ts";

const MEMO = ".pipeline/index/idle.jsonl";

const PIPELINE = `version: 1
params: { size: 2 }
profiles: { other: { size: 3 } }
platforms: { machine: { run: platform.ts, env: [DEVICE] } }
stages:
  copy: { cmd: "cat \${deps.one} > \${outs.x}; printenv GREETING >> \${outs.x} || true", env: [GREETING], deps: { one: { files: in/one.txt } }, outs: { x: copy.txt } }
  list: { cmd: "echo \${deps.some} > \${outs.x}", deps: { some: { files: "more/*.txt" } }, outs: { x: list.txt } }
  deep: { cmd: "echo \${deps.all} > \${outs.x}", deps: { all: { files: "notes/**/*.md" } }, outs: { x: deep.txt } }
  tree: { cmd: "mkdir -p \${outs.d}/in && echo \${params.size} > \${outs.d}/in/a.txt", params: { size: "\${params.size}" }, outs: { d: { path: tree, kind: directory } } }
  code: { run: stages/code.ts, platform: machine, outs: { x: { path: code.json, schema: number } } }
`;

function makeStudy(): Workspace {
  const workspace = makeWorkspace({
    "package.json": '{ "type": "module" }',
    "package-lock.json": '{ "lockfileVersion": 3, "packages": {} }',
    "pipeline.yaml": PIPELINE,
    "in/one.txt": "one\n",
    "more/one.txt": "",
    "notes/a.md": "a",
    "notes/deep/b.md": "b",
    "schemas/number.schema.json": '{ "type": "number" }',
    "src/shared.ts": "export const SHARED = 1;\n",
    "stages/code.ts": stageModule(
      `writeFileSync(context.out("x"), JSON.stringify(SHARED));`,
      'import { SHARED } from "../src/shared.ts";',
    ),
    "machine.txt": "quick",
    "platform.ts": `import { readFileSync } from "node:fs";
      import { definePlatform } from ${JSON.stringify(join(repository, "src", "stage.ts"))};
      export default definePlatform({
        async probe(env) {
          const file = process.cwd() + "/machine.txt";
          return { facts: { device: readFileSync(file, "utf8") + (env.DEVICE ?? "") }, watched: [file] };
        },
      });\n`,
  });
  return workspace;
}

/** Runs until there is nothing to do and the next start knows it. */
async function settle(workspace: Workspace, options: RunOptions = {}, ...args: readonly string[]): Promise<void> {
  for (let runs = 0; runs < 4; runs++) {
    const { code, stdout, stderr, isRepeated } = await run(workspace, options, ...args);
    expect(code, stdout + stderr).toBe(0);
    if (isRepeated) return;
  }
  expect.fail("an idle run is never repeated");
}

/** What the kept run was asked, replaced in part. */
function askOtherwise(study: Workspace, part: object): void {
  const [head, rest] = study.read(MEMO).split("\n") as [string, string];
  const parsed = JSON.parse(head) as { asked: object };
  study.write(MEMO, `${JSON.stringify({ ...parsed, asked: { ...parsed.asked, ...part } })}\n${rest}`);
}

const untimed = (text: string): string => text.replaceAll(/\d+\.\d+ s|"seconds":[\d.]+/g, "TIME");

/** What is done to an idle workspace, and how many instances then run and are restored. */
type Change = readonly [what: string, change: (study: Workspace) => unknown, ran: number, restored: number];

const OUTS: readonly Change[] = [
  ["an out is edited", (study) => study.write("artifacts/copy.txt", "edited"), 0, 1],
  [
    "an out has other bytes, the same size and time",
    (study) => writeSecretly(study.path("artifacts/list.txt"), "more/two.txt\n"),
    0,
    1,
  ],
  ["an out is deleted", (study) => study.remove("artifacts/copy.txt"), 0, 1],
  [
    "an out is a new file of the same bytes",
    (study) => {
      study.write("copy", study.read("artifacts/copy.txt"));
      renameSync(study.path("copy"), study.path("artifacts/copy.txt"));
    },
    0,
    0,
  ],
  ["an out can be executed", (study) => chmodSync(study.path("artifacts/copy.txt"), 0o755), 0, 1],
  [
    "an out is a link to other bytes",
    (study) => {
      study.remove("artifacts/copy.txt");
      symlinkSync("list.txt", study.path("artifacts/copy.txt"));
    },
    0,
    1,
  ],
  ["a folder has a file too many", (study) => study.write("artifacts/tree/in/b.txt", ""), 0, 1],
  ["a folder has one too few", (study) => study.remove("artifacts/tree/in/a.txt"), 0, 1],
  [
    "a file in a folder has other bytes, the same size and time",
    (study) => writeSecretly(study.path("artifacts/tree/in/a.txt"), "9\n"),
    0,
    1,
  ],
  ["all outs are gone", (study) => study.remove("artifacts"), 0, 5],
  ["another profile was run", (study) => study.run("run", "--profile", "other"), 0, 1],
  ["clean was run", (study) => study.run("clean"), 0, 5],
  [
    "a blob is lost with its out",
    (study) => {
      study.remove(".pipeline/cas");
      study.remove("artifacts/copy.txt");
    },
    1,
    0,
  ],
];

const INPUTS: readonly Change[] = [
  ["a file has other bytes", (study) => study.write("in/one.txt", "two\n"), 1, 0],
  ["a file has other bytes, the same size and time", (study) => writeSecretly(study.path("in/one.txt"), "six\n"), 1, 0],
  ["a file is touched", (study) => utimesSync(study.path("in/one.txt"), new Date(), new Date()), 0, 0],
  ["a file is back as it was", (study) => study.write("in/one.txt", "one\n"), 0, 1],
  ["a glob matches one more", (study) => study.write("more/two.txt", ""), 1, 0],
  ["and one less", (study) => study.remove("more/two.txt"), 0, 1],
  [
    "a file is renamed to what a glob does not match",
    (study) => {
      study.write("more/three.txt", "");
    },
    1,
    0,
  ],
  ["it goes", (study) => renameSync(study.path("more/three.txt"), study.path("more/three.md")), 0, 1],
  ["a deep glob matches one more, in a new folder", (study) => study.write("notes/new/c.md", ""), 1, 0],
  ["a deep glob matches one more, in an old folder", (study) => study.write("notes/deep/c.md", ""), 1, 0],
  ["a module is edited", (study) => study.write("src/shared.ts", "export const SHARED = 2;\n"), 1, 0],
  ["a module has a comment more", (study) => study.write("src/shared.ts", "// more\nexport const SHARED = 2;\n"), 0, 0],
  [
    "a schema is edited",
    (study) => study.write("schemas/number.schema.json", '{ "type": "number", "minimum": 0 }'),
    1,
    0,
  ],
  [
    "the lock file is edited",
    (study) => study.write("package-lock.json", '{ "lockfileVersion": 3, "packages": { "": {} } }'),
    0,
    0,
  ],
  ["the lock file is gone", (study) => study.remove("package-lock.json"), 0, 0],
  [
    "a lock file is there",
    (study) => study.write("package-lock.json", '{ "lockfileVersion": 3, "packages": {} }'),
    0,
    0,
  ],
  ["what the platform watches changes", (study) => study.write("machine.txt", "slow"), 1, 0],
  ["pipeline.yaml has a comment more", (study) => study.write("pipeline.yaml", `${PIPELINE}# more\n`), 0, 0],
  ["a param has another value", (study) => study.write("pipeline.yaml", PIPELINE.replace("size: 2", "size: 4")), 1, 0],
  ["pipeline.lock is gone", (study) => study.remove("pipeline.lock"), 0, 0],
  [
    "pipeline.lock is edited",
    (study) => study.write("pipeline.lock", study.read("pipeline.lock").replace(/study: ./, "study: 0")),
    0,
    0,
  ],
  ...["files", "code", "history", "platforms", "recorded"].map(
    (memo): Change => [`the memo ${memo} is gone`, (study) => study.remove(`.pipeline/index/${memo}.json`), 0, 0],
  ),
];

describe.each([
  ["outs", OUTS],
  ["inputs", INPUTS],
])("an idle run is not repeated once something happened to its %s", (_, changes) => {
  it("and then does what there is to do", { timeout: 300_000 }, async () => {
    const study = makeStudy();
    await study.run("run", "--profile", "other");
    for (const [what, change, ran, restored] of changes) {
      await settle(study, {}, "--json");
      await change(study);
      const { isRepeated, summary, stderr } = await run(study, {}, "--json");
      expect({ what, isRepeated, stderr, ...summary }).toMatchObject({
        what,
        isRepeated: false,
        ran,
        restored,
        failed: 0,
      });
    }
  });
});

describe("a run that finds nothing to do", () => {
  it("is told again by the next one in the same words, without the program that could run something", async () => {
    const study = makeStudy();
    for (const args of [[], ["--json"], ["copy", "list"], ["--color"], ["--keep-going", "--jobs", "1"]]) {
      await settle(study, {}, ...args);
      study.remove(MEMO);
      const ordinary = await run(study, {}, ...args);
      const repeated = await run(study, {}, ...args);
      expect([ordinary.isRepeated, repeated.isRepeated], args.join(" ")).toEqual([false, true]);
      expect(ordinary.summary?.fresh ?? 0).toBe(args[0] === "--json" ? 5 : 0);
      expect(untimed(repeated.stdout)).toBe(untimed(ordinary.stdout));
      expect(repeated.stdout).not.toBe("");
      expect(repeated.stderr).toBe(ordinary.stderr);
      expect(repeated.code).toBe(0);
    }
  });

  it("is told again with the warnings of pipeline.yaml", async () => {
    const study = makeStudy();
    study.write("pipeline.yaml", PIPELINE.replace("params: { size: 2 }", "params: { size: 2, unused: 1 }"));
    await settle(study);
    const repeated = await run(study);
    study.remove(MEMO);
    const ordinary = await run(study);
    expect([ordinary.isRepeated, repeated.isRepeated]).toEqual([false, true]);
    expect(ordinary.stderr).toMatch(/^warning {2}pipeline\.yaml/);
    expect(repeated.stderr).toBe(ordinary.stderr);
  });

  it("is another one with another command line, folder, environment or version", { timeout: 300_000 }, async () => {
    const study = makeStudy();
    mkdirSync(study.path("sub"));
    await settle(study);
    const others: readonly [RunOptions, ...(readonly string[])][] = [
      [{}, "--json"],
      [{}, "copy"],
      [{}, "--jobs", "1"],
      [{}, "--set", "size=2"],
      [{ cwd: "sub" }],
      [{ env: { GREETING: "hello" } }],
      [{ env: { DEVICE: "other" } }],
    ];
    for (const [options, ...args] of others) {
      const { isRepeated, code, stderr } = await run(study, options, ...args);
      expect({ options, args, isRepeated, code, stderr }).toMatchObject({ options, args, isRepeated: false, code: 0 });
      await settle(study);
    }
    for (const part of [{ build: "0" }, { node: "v0" }, { folder: "/" }, { workspace: "/" }, { words: [] }]) {
      askOtherwise(study, part);
      expect(await run(study), JSON.stringify(part)).toMatchObject({ isRepeated: false, code: 0 });
      await settle(study);
    }
    // As a check that it is these that count.
    askOtherwise(study, {});
    expect(await run(study)).toMatchObject({ isRepeated: true, code: 0 });
    renameSync(study.root, `${study.root}2`);
    symlinkSync(`${study.root}2`, study.root);
    expect(await run(study)).toMatchObject({ isRepeated: false, code: 0 });
  });

  it("is known by the variables that it was given, those of the command line included", async () => {
    const study = makeStudy();
    study.write("pipeline.yaml", PIPELINE.replace("env: [DEVICE]", "env: [PIPELINE_DEVICE]"));
    const env = { GREETING: "hello" };
    await settle(study, { env }, "--device", "a");
    expect(await run(study, { env: { ...env, PIPELINE_DEVICE: "b" } }, "--device", "a")).toMatchObject({
      isRepeated: true,
    });
    expect(await run(study, { env }, "--device", "b")).toMatchObject({ isRepeated: false });
    expect(study.read("artifacts/copy.txt")).toBe("one\nhello\n");
  });

  it("is not kept where more was asked than to bring things up to date", { timeout: 300_000 }, async () => {
    const study = makeStudy();
    await study.run("run");
    study.remove(MEMO);
    const summary = join(study.root, "..", "summary.md");
    const runs: readonly [RunOptions, ...(readonly string[])][] = [
      [{}, "--force"],
      [{}, "--dry-run"],
      [{}, "--summary", summary],
      [{}, "--executor", "local"],
      [{}, "--remote", "off"],
      [{}, "--cwd", "in"],
      [{ env: { GITHUB_STEP_SUMMARY: summary } }],
    ];
    for (const [options, ...args] of runs) {
      for (const _ of [1, 2]) {
        const { code, stderr, isRepeated } = await run(study, options, ...args);
        expect({ args, code, stderr, isRepeated }).toEqual({ args, code: 0, stderr: "", isRepeated: false });
      }
      expect(study.exists(MEMO), args.join(" ")).toBe(false);
    }
    await settle(study);
    // And one that was kept serves none of them.
    const told = await run(study, { env: { GITHUB_STEP_SUMMARY: summary } });
    expect(told.isRepeated).toBe(false);
    expect(readFileSync(summary, "utf8").match(/## pipeline run/g)).toHaveLength(3 + 1);
    const { isRepeated, code, stderr } = await run(study, { env: { PIPELINE_REMOTE_CACHE: "nowhere" } });
    expect({ isRepeated, code, stderr }).toMatchObject({ isRepeated: false, code: 2 });
  });

  it("does not rest on what the ordinary run does not look at", async () => {
    const study = makeStudy();
    await settle(study, {}, "--json");
    study.remove(".pipeline/cas");
    study.remove(".pipeline/actions");
    study.remove(".pipeline/plans");
    const repeated = await run(study, {}, "--json");
    study.remove(MEMO);
    const ordinary = await run(study, {}, "--json");
    expect([repeated.isRepeated, ordinary.isRepeated]).toEqual([true, false]);
    expect(untimed(repeated.stdout)).toBe(untimed(ordinary.stdout));
  });

  it("is looked at in the ordinary way where what was kept is broken, and kept again", {
    timeout: 300_000,
  }, async () => {
    const study = makeStudy();
    await settle(study);
    const whole = study.read(MEMO);
    const at = whole.indexOf("in/one.txt");
    const broken = [
      "",
      "{",
      "null\nnull",
      "[]",
      "\0",
      whole.slice(0, whole.length / 2),
      whole.slice(0, -1),
      `${whole.slice(0, at)}IN${whole.slice(at + 2)}`,
      whole.replace('"format":1', '"format":0'),
      whole.replace("copy", "cops"),
    ];
    for (const text of broken) {
      study.write(MEMO, text);
      const { isRepeated, code, stdout, stderr } = await run(study);
      expect({ text, isRepeated, code, stderr }).toEqual({ text, isRepeated: false, code: 0, stderr: "" });
      expect(stdout).toMatch(/^everything is fresh · 5 instances/m);
      expect(await run(study), text).toMatchObject({ isRepeated: true, code: 0 });
    }
    study.remove(MEMO);
    mkdirSync(study.path(MEMO));
    expect(await run(study)).toMatchObject({ isRepeated: false, code: 0, stderr: "" });
  });

  it("ends as any other where nobody reads what it says", async () => {
    const study = makeStudy();
    await settle(study, {}, "--json");
    const [pipeline, folder] = [join(repository, "bin", "pipeline.js"), study.root];
    const told = (memo: string): string => {
      if (memo === "ordinary") study.remove(MEMO);
      const script = `node ${pipeline} run --json | true; echo \${PIPESTATUS[0]}; node ${pipeline} run --json > /dev/full; echo $?`;
      const { stdout, stderr } = spawnSync("bash", ["-c", script], { cwd: folder, encoding: "utf8" });
      return stdout + stderr;
    };
    const repeated = told("repeated");
    expect(repeated).toContain("the output cannot be written");
    expect(repeated).toBe(told("ordinary"));
  });
});
