import { describe, expect, it, onTestFinished } from "vitest";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";

const talking = (): Workspace =>
  makeWorkspace({
    word: "hello",
    "pipeline.yaml": `version: 1
stages:
  talk:
    cmd: "echo out \${n} $(cat word); echo err \${n} >&2; until [ -e go ]; do sleep 0.02; done; echo done \${n}; touch \${outs.o}"
    matrix: { n: [1, 2] }
    deps: { word: { files: word } }
    outs: { o: "\${n}.txt" }
`,
  });

describe("log", () => {
  it("shows what an instance printed when it last ran, and several under their names", async () => {
    const workspace = talking();
    workspace.write("go", "");
    expect(await workspace.run("log", "talk@n=1")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "talk@n=1 has not run here\n",
    });
    expect((await workspace.run("log", "talk")).stderr).toBe("none of these has run here\n");
    await workspace.run("run");
    const lines = (await workspace.run("log", "talk@n=1")).stdout.split("\n");
    expect([...lines].sort()).toEqual(["", "done 1", "err 1", "out 1 hello"]);
    const { stdout } = await workspace.run("log", "talk");
    expect(stdout).toMatch(/^talk@n=1\n[\s\S]*\n\ntalk@n=2\n/);
    expect(stdout).toContain("out 2 hello\n");
    expect((await workspace.run("log", "tlak")).stderr).toContain("did you mean `talk`?");
  });

  it("tells silence apart from never having run", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml": "version: 1\nstages:\n  quiet: { cmd: 'touch ${outs.o}', outs: { o: o.txt } }\n",
    });
    expect((await workspace.run("log", "quiet")).stderr).toBe("quiet has not run here\n");
    await workspace.run("run");
    expect(await workspace.run("log", "quiet")).toMatchObject({ stdout: "quiet printed nothing\n", stderr: "" });
  });

  it("--follow goes on as it is written, over a second run too, until Ctrl-C", async () => {
    const workspace = talking();
    const following = workspace.start({}, "log", "talk", "--follow");
    onTestFinished(() => following.kill("SIGKILL"));
    const running = workspace.start({}, "run");
    await following.printed(/talk@n=1 {2}out 1 hello\n/);
    workspace.write("go", "");
    await running.ended;
    await following.printed(/talk@n=2 {2}done 2\n/);
    workspace.write("word", "bye");
    await workspace.run("run");
    await following.printed(/talk@n=1 {2}out 1 bye\n/);
    following.kill("SIGINT");
    expect(await following.ended).toMatchObject({ code: 130, stderr: "" });
  });
});
