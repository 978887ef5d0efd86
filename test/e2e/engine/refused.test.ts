import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeWorkspace, repository, type Workspace } from "../../rig/workspace.ts";

const binary = join(repository, "bin", "pipeline.js");

const makeSmall = (): Workspace =>
  makeWorkspace({
    "pipeline.yaml": `version: 1
stages:
  a: { cmd: "echo said; echo 1 > \${outs.o}", outs: { o: a.txt } }
  b: { cmd: "cat \${deps.a} > \${outs.o}", deps: { a: a.o }, outs: { o: b.txt } }
`,
  });

describe("a workspace that somebody else made", () => {
  const isRoot = process.getuid?.() === 0;
  const NOBODY = 65534;
  /** Permissions do not hold root up. */
  const asUser = (root: string, ...args: readonly string[]) => {
    const command = [process.execPath, binary, ...args];
    const [file, ...rest] = isRoot
      ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...command]
      : command;
    return spawnSync(file!, rest, { cwd: root, encoding: "utf8" });
  };
  const giveAway = (path: string): void => {
    if (!isRoot) return;
    chownSync(path, NOBODY, NOBODY);
    for (const entry of readdirSync(path, { recursive: true, encoding: "utf8" }))
      chownSync(join(path, entry), NOBODY, NOBODY);
  };
  /** A workspace of this user's that has run, one of whose folders is closed while `look` does. */
  const whileClosed = async (folder: string, mode: number, look: (workspace: Workspace) => void): Promise<void> => {
    const workspace = makeSmall();
    expect((await workspace.run("run")).code).toBe(0);
    giveAway(dirname(workspace.root));
    chmodSync(workspace.path(folder), mode);
    try {
      look(workspace);
    } finally {
      chmodSync(workspace.path(folder), 0o755);
    }
  };
  const canTry = !isRoot || asUser("/", "--version").status === 0;
  if (!canTry)
    console.log("nobody may read this repository, and root reads everything: the tests of permissions are skipped");

  it.skipIf(!canTry)("is cleaned of nothing, and that is a sentence with exit code 2", () =>
    whileClosed("artifacts", 0o555, ({ root }) => {
      for (const args of [["clean"], ["clean", "--cache"]]) {
        const { status, stderr } = asUser(root, ...args);
        expect(stderr).toMatch(/^not writable {2}permission denied while running `pipeline clean` \(\S+a\.txt\)/);
        expect(stderr).toMatch(/\n {5}= make the workspace .* writable/);
        expect(status).toBe(2);
      }
    }),
  );

  it.skipIf(!canTry)("tells of a closed cache: a sentence where it is needed, a warning where one only looks", () =>
    whileClosed(".pipeline", 0, ({ root }) => {
      for (const args of [["run"], ["gc"], ["clean", "--cache"], ["cache", "check"], ["log", "a"]]) {
        const { status, stderr } = asUser(root, ...args);
        expect(stderr, args.join(" ")).toMatch(/^not readable {2}\S+\.pipeline\S* cannot be read: permission denied\n/);
        expect(status).toBe(2);
      }
      for (const args of [
        ["status"],
        ["why", "a"],
        ["run", "-n"],
        ["verify"],
        ["plan"],
        ["report", "--out", "r.html"],
      ]) {
        const { status, stderr } = asUser(root, ...args);
        expect(stderr, args.join(" ")).toMatch(
          /^warning {2}\S+\.pipeline cannot be read: permission denied; what the cache has there counts as never made\n$/,
        );
        expect(status).toBe(0);
      }
      const { status, stdout, stderr } = asUser(root, "doctor");
      expect(stdout).toMatch(/– cache {6,}\S+\.pipeline cannot be read: permission denied\n {8,}make it readable/);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    }),
  );

  it.skipIf(!canTry)("warns of a part of the cache as well", () =>
    whileClosed(".pipeline/actions", 0, ({ root }) => {
      expect(asUser(root, "status").stderr).toMatch(/^warning {2}\S+\.pipeline\/actions cannot be read: /);
    }),
  );

  it.skipIf(!canTry)("that may not be entered is no folder to go to", () =>
    whileClosed("", 0, ({ root }) => {
      const { status, stderr } = asUser("/", "-C", join(root, "sub"), "status");
      expect(stderr).toMatch(/^not readable {2}\S+workspace\/sub cannot be read: permission denied\n/);
      expect(status).toBe(2);
    }),
  );
});

it("doctor tells of a file, or a link that leads nowhere, where the cache's folder should be; so do those that look", async () => {
  const workspace = makeSmall();
  for (const kind of ["a file", "a link that leads nowhere"]) {
    workspace.remove(".pipeline");
    if (kind === "a file") workspace.write(".pipeline", "mine");
    else symlinkSync("/nonexistent/cache", workspace.path(".pipeline"));
    const doctor = await workspace.run("doctor");
    expect(doctor.stdout).toMatch(new RegExp(`– cache +\\S+\\.pipeline is ${kind}, and should be a folder`));
    const { code, stderr } = await workspace.run("verify");
    expect(stderr).toMatch(
      new RegExp(`^warning {2}\\S+\\.pipeline is ${kind}, and should be a folder; what the cache`),
    );
    expect(code).toBe(0);
  }
});

it("a current folder that has been removed is named", () => {
  const { root } = makeSmall();
  const text = `mkdir gone && cd gone && rmdir ../gone && '${process.execPath}' '${binary}' status; echo $?`;
  const { stdout, stderr } = spawnSync("bash", ["-c", text], { cwd: root, encoding: "utf8" });
  expect(stderr).toContain(`there is no folder \`${join(root, "gone")}\``);
  expect(stdout).toBe("2\n");
});

describe("a file that a command is asked to write", () => {
  const leftBeside = (workspace: Workspace): string[] =>
    workspace.list("").filter((file) => /\.\d+$/.test(file) && !file.startsWith(".pipeline/"));

  /** From its first to its last line, and nothing else; a page is too long for a failure's message. */
  const isPage = (text: string): boolean => /^<!doctype html>[\s\S]*<\/html>\s*$/i.test(text);

  it("is no pipeline.yaml and no pipeline.lock, by whatever name", async () => {
    const workspace = makeSmall();
    await workspace.run("run");
    symlinkSync("pipeline.yaml", workspace.path("link.html"));
    const files = [workspace.read("pipeline.yaml"), workspace.read("pipeline.lock")];
    for (const path of ["pipeline.yaml", "pipeline.lock", "./sub/../pipeline.yaml", "link.html"]) {
      const { code, stderr } = await workspace.run("report", "--out", path);
      expect(stderr).toMatch(
        /^error {2}the report cannot be written to \S+: that would overwrite a pipeline\.(yaml|lock)$/m,
      );
      expect(stderr).toContain("= name another file with --out");
      expect(code).toBe(2);
    }
    workspace.write("events.jsonl", '{"type":"plan","profile":"default","instances":0,"platform":""}\n');
    for (const args of [
      ["comment", "events.jsonl", "--out", "pipeline.yaml"],
      ["run", "--summary", "pipeline.lock"],
    ]) {
      const { code, stderr } = await workspace.run(...args);
      expect(stderr).toContain("that would overwrite a pipeline.");
      expect(code).toBe(2);
    }
    expect([workspace.read("pipeline.yaml"), workspace.read("pipeline.lock")]).toEqual(files);
  });

  it("is where a link leads, and keeps its mode", async () => {
    const workspace = makeSmall();
    mkdirSync(workspace.path("pages"));
    workspace.write("pages/here.html", "old");
    chmodSync(workspace.path("pages/here.html"), 0o600);
    symlinkSync("pages/here.html", workspace.path("one.html"));
    symlinkSync("pages/new.html", workspace.path("two.html"));
    for (const [link, target] of [
      ["one.html", "pages/here.html"],
      ["two.html", "pages/new.html"],
    ] as const) {
      const { code, stdout } = await workspace.run("report", "--out", link);
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`^${link}  \\d`));
      expect(lstatSync(workspace.path(link)).isSymbolicLink()).toBe(true);
      expect(isPage(workspace.read(target))).toBe(true);
    }
    expect(statSync(workspace.path("pages/here.html")).mode & 0o777).toBe(0o600);
    expect(leftBeside(workspace)).toEqual([]);
  });

  it("is written to as it is where it is a pipe", async () => {
    const workspace = makeSmall();
    expect(spawnSync("mkfifo", [workspace.path("fifo")]).status).toBe(0);
    const reader = spawn("cat", [workspace.path("fifo")], { stdio: ["ignore", "pipe", "ignore"] });
    let heard = "";
    reader.stdout.setEncoding("utf8").on("data", (text: string) => {
      heard += text;
    });
    const ended = new Promise((fulfil) => reader.on("close", fulfil));
    expect(await workspace.run("report", "--out", "fifo")).toMatchObject({ code: 0, stdout: "" });
    await ended;
    expect(isPage(heard)).toBe(true);
    expect(lstatSync(workspace.path("fifo")).isFIFO()).toBe(true);
    const piped = spawnSync("bash", ["-c", `'${process.execPath}' '${binary}' report --out /dev/stdout | cat`], {
      cwd: workspace.root,
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    expect(isPage(piped.stdout)).toBe(true);
  });

  it("leaves nothing behind where the disk is full, and the remedy speaks of space", async () => {
    const workspace = makeSmall();
    symlinkSync("/dev/full", workspace.path("full.html"));
    workspace.write("old.html", "old");
    const commands = [
      ["the report could not be written: ENOSPC", ["report", "--out", "full.html"]],
      ["the summary could not be written: ENOSPC", ["run", "--summary", "full.html"]],
    ] as const;
    for (const [message, args] of commands) {
      const { code, stderr } = await workspace.run(...args);
      expect(stderr).toContain(message);
      expect(stderr).toContain("= free some space");
      expect(code).toBe(2);
    }
    // A limit is met only while the page is written: the temporary file is there by then.
    const cut = spawnSync("bash", ["-c", `ulimit -f 1; exec '${process.execPath}' '${binary}' report --out old.html`], {
      cwd: workspace.root,
      encoding: "utf8",
      env: { ...process.env, PIPELINE_LOCKS: workspace.path("locks") },
    });
    expect(cut.stderr).toContain("the report could not be written: EFBIG");
    expect(cut.status).toBe(2);
    expect(workspace.read("old.html")).toBe("old");
    expect(leftBeside(workspace)).toEqual([]);
    expect(statSync("/dev/full").isCharacterDevice()).toBe(true);
  });

  it("is named where it is a folder, or where a file stands in its way", async () => {
    const workspace = makeSmall();
    mkdirSync(workspace.path("folder"));
    workspace.write("file", "");
    for (const path of ["folder", "file/x.html"]) {
      const { code, stderr } = await workspace.run("report", "--out", path);
      expect(stderr).toMatch(/^error {2}the report could not be written: E(ISDIR|NOTDIR|EXIST)/);
      expect(stderr).toContain("= name another place with --out");
      expect(code).toBe(2);
    }
  });
});

it("clean --cache empties a cache that lies behind a link, which stays", async () => {
  const workspace = makeSmall();
  const disk = join(dirname(workspace.root), "disk");
  mkdirSync(disk);
  symlinkSync(disk, workspace.path(".pipeline"));
  await workspace.run("run");
  expect(readdirSync(disk)).toContain("cas");
  expect((await workspace.run("clean", "--cache")).stdout).toContain("removed the cache, .pipeline/");
  expect(lstatSync(workspace.path(".pipeline")).isSymbolicLink()).toBe(true);
  expect(readdirSync(disk)).toEqual([]);
});

describe("clean --cache beside another pipeline", () => {
  it("removes nothing, and says what to do", async () => {
    const workspace = makeWorkspace();
    const go = workspace.path("go");
    workspace.write(
      "pipeline.yaml",
      `version: 1
stages:
  quick: { cmd: "echo 1 > \${outs.o}", outs: { o: q.txt } }
  slow: { cmd: "cat \${deps.q}; while [ ! -e ${go} ]; do sleep 0.05; done; cp \${deps.q} \${outs.o}", deps: { q: quick.o }, outs: { o: s.txt } }
`,
    );
    const running = workspace.start({}, "run", "--json");
    await running.printed(/"ran"/);
    for (const args of [
      ["clean", "--cache"],
      ["clean", "--cache", "-n"],
    ]) {
      const { code, stdout, stderr } = await workspace.run(...args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain(`another pipeline is running here (process ${running.pid})`);
      expect(stderr).toContain("wait for it or stop it");
    }
    expect(workspace.exists("artifacts/q.txt")).toBe(true);
    writeFileSync(go, "");
    expect((await running.ended).code).toBe(0);
    expect((await workspace.run("clean", "--cache")).code).toBe(0);
    expect(readdirSync(workspace.root)).not.toContain(".pipeline");
  });

  it("also where it is another machine's, of which nobody here can tell; one that was killed is none", async () => {
    const workspace = makeSmall();
    await workspace.run("run");
    mkdirSync(workspace.path(`.pipeline/tmp/${encodeURIComponent(hostname())}~999999999~1`), { recursive: true });
    mkdirSync(workspace.path(".pipeline/tmp/far.example.org~12~34"));
    const { code, stderr } = await workspace.run("clean", "--cache");
    expect(stderr).toContain("another pipeline may be running here: process 12 on far.example.org");
    expect(stderr).toContain("remove .pipeline/tmp, then run again");
    expect(code).toBe(2);
    workspace.remove(".pipeline/tmp/far.example.org~12~34");
    expect((await workspace.run("clean", "--cache")).code).toBe(0);
    expect(readFileSync(workspace.path("pipeline.yaml"), "utf8")).toContain("stages:");
  });
});
