import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, readdirSync, renameSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeWorkspace, repository, stageModule, type Workspace } from "../../rig/workspace.ts";

const binary = join(repository, "bin", "pipeline.js");

const makeSmall = (): Workspace =>
  makeWorkspace({
    "pipeline.yaml": `version: 1
stages:
  a: { run: stages/a.ts, deps: { d: { files: "data/*.txt" } }, outs: { o: a.txt } }
  b: { cmd: "cat \${deps.a} > \${outs.o}", deps: { a: a.o }, outs: { o: sub/b.txt } }
`,
    "data/one.txt": "one\n",
    "stages/a.ts": stageModule('writeFileSync(context.out("o"), readFileSync(context.depAll("d")[0].path));'),
  });

describe("what stands where a folder should be", () => {
  it("is named, and is left as it is", async () => {
    const workspace = makeSmall();
    expect((await workspace.run("run")).code).toBe(0);
    workspace.remove("artifacts");
    workspace.write("artifacts", "mine");
    const shadowed = await workspace.run("run");
    expect(shadowed.code).toBe(1);
    expect(shadowed.stdout).toContain(`${workspace.path("artifacts")} is a file, and should be a folder`);
    expect(workspace.read("artifacts")).toBe("mine");
    workspace.remove("artifacts");
    // Nothing is lost meanwhile.
    expect((await workspace.run("run")).stdout).toContain("2 restored");

    workspace.remove("artifacts/sub");
    workspace.write("artifacts/sub", "mine");
    expect((await workspace.run("run")).stdout).toContain("artifacts/sub is a file, and should be a folder");
  });

  it("also of the cache's folder: a file, or a link that leads nowhere", async () => {
    const workspace = makeSmall();
    workspace.write(".pipeline", "mine");
    for (const command of ["run", "status"]) {
      const { code, stdout, stderr } = await workspace.run(command);
      expect(code, stdout + stderr).toBe(2);
      expect(stderr).toMatch(/^no folder {2}\S+\.pipeline is a file, and should be a folder; /m);
    }
    expect(workspace.read(".pipeline")).toBe("mine");
    workspace.remove(".pipeline");
    symlinkSync("/nonexistent/cache", workspace.path(".pipeline"));
    const { code, stderr } = await workspace.run("run");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^no folder {2}\S+\.pipeline is a link that leads nowhere, and should be a folder; /m);
  });
});

describe("what this user may not read", () => {
  const isRoot = process.getuid?.() === 0;
  const NOBODY = 65534;
  /** Permissions do not hold root up. */
  const asUser = (workspace: Workspace, ...args: readonly string[]) => {
    const command = [process.execPath, binary, ...args];
    const [file, ...rest] = isRoot
      ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...command]
      : command;
    return spawnSync(file!, rest, { cwd: workspace.root, encoding: "utf8" });
  };
  const giveAway = (path: string): void => {
    chownSync(path, NOBODY, NOBODY);
    for (const entry of readdirSync(path, { recursive: true, encoding: "utf8" }))
      chownSync(join(path, entry), NOBODY, NOBODY);
  };
  const canTry = !isRoot || asUser({ root: "/" } as Workspace, "--version").status === 0;
  if (!canTry)
    console.log("nobody may read this repository, and root reads everything: the tests of permissions are skipped");

  it.skipIf(!canTry)("is a sentence and exit code 2: a file of a dep, a folder of modules", async () => {
    const workspace = makeSmall();
    if (isRoot) giveAway(dirname(workspace.root));
    expect(asUser(workspace, "run").status).toBe(0);
    chmodSync(workspace.path("data/one.txt"), 0);
    const unread = asUser(workspace, "run", "--force");
    expect(unread.stderr).toContain(`${workspace.path("data/one.txt")} cannot be read: permission denied`);
    expect(unread.status).toBe(2);
    chmodSync(workspace.path("data/one.txt"), 0o644);

    // Left out, its files would silently change what the dep is.
    workspace.write(
      "pipeline.yaml",
      workspace.read("pipeline.yaml").replace('"data/*.txt"', '["data/*.txt", "more/*.txt"]'),
    );
    workspace.write("more/two.txt", "two\n");
    if (isRoot) giveAway(dirname(workspace.root));
    for (const pattern of ["more/*.txt", "more/**/*.txt", "more/two.txt"]) {
      workspace.write("pipeline.yaml", workspace.read("pipeline.yaml").replace(/"more[^"]*"/, `"${pattern}"`));
      if (isRoot) giveAway(dirname(workspace.root));
      expect(asUser(workspace, "run").status).toBe(0);
      chmodSync(workspace.path("more"), 0);
      for (const command of ["run", "status"]) {
        const { status, stderr } = asUser(workspace, command);
        expect(stderr).toMatch(
          /^pipeline\.yaml:3:\d+ {2}error {2}\S+more(\/two\.txt)? cannot be read: permission denied$/m,
        );
        expect(status).toBe(2);
      }
      chmodSync(workspace.path("more"), 0o755);
    }

    chmodSync(workspace.path("stages"), 0);
    const closed = asUser(workspace, "run");
    expect(closed.stderr).toMatch(
      /^pipeline\.yaml:3:13 {2}error {2}\S+stages\/a\.ts cannot be read: permission denied$/m,
    );
    expect(closed.status).toBe(2);
    chmodSync(workspace.path("stages"), 0o755);
    expect(asUser(workspace, "run").stdout).toContain("everything is fresh");
  });
});

describe("an output that nobody takes", () => {
  const inShell = (workspace: Workspace, text: string) =>
    spawnSync("bash", ["-c", text.replaceAll("PIPELINE", `'${process.execPath}' '${binary}'`)], {
      cwd: workspace.root,
      encoding: "utf8",
    });

  it("stops a run in good order, which is then no success; what only tells something has told it", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": `version: 1
stages:
  a: { cmd: "echo 1 > \${outs.o}", outs: { o: a.txt } }
  b: { cmd: "for i in $(seq 600); do echo $i; sleep 0.05; done; cat \${deps.a} > \${outs.o}", deps: { a: a.o }, outs: { o: b.txt } }
`,
    });
    // `grep` ends with the line that says that a is done, while b talks on.
    const { stdout, stderr } = inShell(
      workspace,
      "PIPELINE run --json | grep -m1 '\"ran\"'; echo code ${PIPESTATUS[0]}",
    );
    expect(stderr).toBe("");
    expect(stdout).toMatch(/code 130$/m);
    expect((await workspace.run("status")).stdout).toMatch(/1 will run, 1 fresh/);
    expect(inShell(workspace, "PIPELINE status | true; echo ${PIPESTATUS[0]}").stdout).toBe("0\n");
  });

  it("is told where it is a full disk", () => {
    const workspace = makeSmall();
    for (const command of ["status", "run"]) {
      const { status, stderr } = inShell(workspace, `PIPELINE ${command} > /dev/full`);
      expect(stderr).toMatch(/^error {2}the output cannot be written: ENOSPC: /);
      expect(status).toBe(2);
    }
  });
});

it("a command without a PATH, on which bash would be, is a sentence", async () => {
  const workspace = makeWorkspace({
    "pipeline.yaml": 'version: 1\nstages: { a: { cmd: "echo 1 > ${outs.o}", outs: { o: a.txt } } }\n',
  });
  const { code, stdout } = await workspace.runWith({ env: { PATH: undefined } }, "run");
  expect(stdout).toContain("cmd: stages need bash, and it is not on the PATH");
  expect(code).toBe(1);
});

describe("the name of the workspace's folder", () => {
  const runIn = (name: string) => {
    const workspace = makeSmall();
    const root = join(dirname(workspace.root), name);
    renameSync(workspace.root, root);
    return spawnSync(process.execPath, [binary, "run"], { cwd: root, encoding: "utf8" });
  };

  it.each(["ü ⟨3⟩ 'q' \"d\" $x", "a,b:c;d", "[1]{x,y}?#%20", "-n", "new\nline"])("may be %j", (name) => {
    expect(runIn(name)).toMatchObject({ status: 0, stderr: "" });
  });

  it("is told where Node cannot take it", () => {
    const starred = runIn("a*b");
    expect(starred.stdout).toMatch(
      /✗ a {2}unnameable path .*\n {4}Node's permission model cannot name \S+a\*b.*, which has a \* in it$/m,
    );
    expect(starred.status).toBe(1);
    expect(runIn("a\\b").stdout).toMatch(/Node cannot load modules from \S+a\\b, which has a backslash in it$/m);
  });
});
