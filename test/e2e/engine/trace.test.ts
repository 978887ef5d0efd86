import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { readsIn } from "../../../src/engine/actions/trace.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

const strace = spawnSync("strace", ["-qq", "-e", "trace=open", "-o", "/dev/null", "true"]).status === 0;
if (!strace) console.log("strace is absent or may not trace here: the tests that need it are skipped");

const reading = (command: string, more = ""): ReturnType<typeof makeWorkspace> =>
  makeWorkspace({
    "input.txt": "declared\n",
    "secret/a.txt": "undeclared\n",
    "secret/b.txt": "undeclared too\n",
    "tool.sh": "true\n",
    "pipeline.yaml": `version: 1
stages:
  other: { cmd: "echo other > \${outs.o}", outs: { o: other.txt } }
  s:
    cmd: ${JSON.stringify(command)}
    deps: { in: { files: input.txt } }
    outs: { o: o.txt, dir: { path: dir, kind: directory } }
    ${more}
`,
  });

describe("run --trace", () => {
  it.skipIf(!strace)(
    "lets a command read its deps, its own files, packages, `reads:`, and write its outs",
    async () => {
      const command = `cat \${deps.in} > \${outs.o}; echo x > \${outs.dir}/x; cat \${outs.dir}/x; ls secret; mktemp; mkdir -p node_modules/p;
      echo p > node_modules/p/p; cat node_modules/p/p secret/b.txt; (cat /etc/hostname & cat \${deps.in} & wait) >/dev/null`;
      const workspace = reading(command, "reads: [secret/b.txt]");
      const { code, stdout } = await workspace.run("run", "--trace");
      expect(stdout).toContain("2 ran");
      expect(code).toBe(0);
      expect(workspace.list("artifacts/dir")).toEqual(["artifacts/dir/x"]);
      expect((await workspace.run("run", "--json")).summary).toMatchObject({ fresh: 2 });
    },
  );

  it.skipIf(!strace)("fails one that reads anything else of the workspace, and keeps nothing of it", async () => {
    const workspace = reading(
      "cd secret; cat a.txt ../artifacts/other.txt > /dev/null; bash ../tool.sh; cd ..; cp secret/b.txt ${outs.o}",
    );
    await workspace.run("run", "other");
    const { code, events } = await workspace.run("run", "--trace", "--json", "s");
    expect(code).toBe(1);
    const failed = events.find((event) => event.type === "failed");
    expect(failed?.type === "failed" && failed.failure).toMatchObject({
      reason: "undeclared-read",
      message:
        "s reads artifacts/other.txt, secret/a.txt, secret/b.txt, tool.sh, which are not among its deps; the result is not kept",
      remedy: "declare them in pipeline.yaml, under `s:` `deps: { o: other.o }` and so on",
    });
    expect(workspace.exists("artifacts/o.txt")).toBe(false);
    // The command's own failure comes first.
    const broken = reading("cat secret/a.txt; exit 3");
    const end = await broken.run("run", "--trace", "--json", "s");
    expect(end.stdout).toContain("the command ended with exit code 3");
  });

  it("says so where strace is not there, and runs nothing", async () => {
    const workspace = reading("touch ${outs.o}");
    const { code, stdout, stderr } = await workspace.runWith({ env: { PATH: "/nowhere" } }, "run", "--trace");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toBe(
      "no strace  --trace needs strace, and it is not on the PATH\n     = install it (Linux: apt-get install strace), or run without --trace\n",
    );
  });
});

describe("a trace", () => {
  it("is read over calls that another process's interrupt, and tells reads from writes and failures", () => {
    const lines = [
      '11 openat(AT_FDCWD</w>, "a", O_RDONLY) = 3</w/a>',
      '11 openat(AT_FDCWD</w>, "b", O_RDONLY <unfinished ...>',
      '12 openat(AT_FDCWD</w>, "c", O_WRONLY|O_CREAT <unfinished ...>',
      "11 <... openat resumed>) = 4</w/b with <odd> name>",
      "12 <... openat resumed>, 0666) = 3</w/c>",
      '12 openat(AT_FDCWD</w>, "d", O_RDONLY) = -1 ENOENT (No such file or directory)',
      '12 openat(AT_FDCWD</w>, ".", O_RDONLY|O_DIRECTORY) = 3</w>',
      '12 execve("/w/e", ["e"], 0x7ffc /* 3 vars */) = 0',
      '12 execve("/w/f", ["f"], 0x7ffc /* 3 vars */) = -1 EACCES (Permission denied)',
      '12 open("g", O_RDWR) = 5</w/g (deleted)>',
    ];
    expect([...readsIn(lines.join("\n"))]).toEqual(["/w/a", "/w/b with <odd> name", "/w/e", "/w/g"]);
  });
});
