import { describe, expect, it, onTestFinished } from "vitest";
import { makeWorkspace, type Running, type Workspace } from "../../rig/workspace.ts";

/** Copies a file; while a file `hold` exists it waits after reading. */
function copying(): Workspace {
  const workspace = makeWorkspace({ "input/a.txt": "one\n" });
  workspace.write(
    "pipeline.yaml",
    `version: 1
stages:
  copy:
    cmd: |
      cat \${deps.in} > \${outs.out}
      ${workspace.counting("copy")}
      if [ -e hold ]; then echo holding; until [ -e go ]; do sleep 0.02; done; fi
    deps: { in: { files: "input/**/*.txt" } }
    outs: { out: out.txt }
`,
  );
  return workspace;
}

function startWatch(workspace: Workspace, ...args: string[]): Running {
  const running = workspace.start({}, "watch", ...args);
  onTestFinished(() => running.kill("SIGKILL"));
  return running;
}

/** Resolves when the n-th wait for changes has begun. */
const idle = (running: Running, n: number): Promise<void> =>
  running.printed(new RegExp(`(watching for changes[\\s\\S]*){${n}}`));

describe("watch", () => {
  it("runs again after an edit, a new file in a new folder, and a removed one", async () => {
    const workspace = copying();
    const running = startWatch(workspace);
    await idle(running, 1);
    expect(workspace.read("artifacts/out.txt")).toBe("one\n");
    workspace.write("input/a.txt", "two\n");
    await idle(running, 2);
    expect(workspace.read("artifacts/out.txt")).toBe("two\n");
    workspace.write("input/deep/er/b.txt", "three\n");
    await idle(running, 3);
    expect(workspace.read("artifacts/out.txt")).toBe("two\nthree\n");
    workspace.write("input/deep/er/b.txt", "four\n");
    await idle(running, 4);
    expect(workspace.read("artifacts/out.txt")).toBe("two\nfour\n");
    workspace.remove("input/deep");
    await idle(running, 5);
    expect(workspace.read("artifacts/out.txt")).toBe("two\n");
    // Back at an earlier state: restored.
    expect(workspace.count("copy")).toBe(4);
    running.kill("SIGINT");
    expect(await running.ended).toMatchObject({ code: 130, stderr: "" });
  });

  it("sees what changed while it was running", async () => {
    const workspace = copying();
    workspace.write("hold", "");
    const running = startWatch(workspace, "--json");
    await running.printed(/holding/);
    workspace.write("input/a.txt", "edited\n");
    workspace.remove("hold");
    workspace.write("go", "");
    // The first result is not kept: nobody knows what it read.
    await running.printed(/input-changed[\s\S]*"type":"summary"[\s\S]*"type":"ran"[\s\S]*"type":"summary"/);
    expect(workspace.read("artifacts/out.txt")).toBe("edited\n");
    running.kill("SIGTERM");
    expect((await running.ended).code).toBe(130);
  });

  it("tells mistakes in pipeline.yaml, waits, and goes on once they are corrected", async () => {
    const workspace = copying();
    const text = workspace.read("pipeline.yaml");
    workspace.write("pipeline.yaml", text.replace("deps:", "dpes:"));
    const running = startWatch(workspace);
    await idle(running, 1);
    workspace.write("pipeline.yaml", text);
    await running.printed(/1 ran[\s\S]*watching for changes/);
    expect(workspace.read("artifacts/out.txt")).toBe("one\n");
    running.kill("SIGINT");
    const { code, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stderr).toContain("did you mean `deps`?");
  });

  it("takes what run takes of the machine's resources", async () => {
    const workspace = makeWorkspace({
      "pipeline.yaml":
        'version: 1\nstages: { s: { cmd: "echo on $PIPELINE_GPUS; touch ${outs.o}", resources: { gpu: 1 }, outs: { o: o } } }\n',
    });
    const running = startWatch(workspace, "--json", "--resource", "gpu=7");
    await running.printed(/"line":"on 7"[\s\S]*"type":"summary"/);
    running.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
    const wrong = await workspace.run("watch", "--resource", "disk=1");
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("--resource cannot be `disk=1`") });
  });

  it("is not woken by what runs write, and stops a child on Ctrl-C", async () => {
    const workspace = copying();
    const running = startWatch(workspace, "--json");
    await running.printed(/"type":"summary"/);
    workspace.write("artifacts/out.txt", "edited\n");
    workspace.write(".pipeline/notes", "");
    workspace.write("node_modules/x/index.js", "");
    workspace.write("hold", "");
    workspace.write("input/a.txt", "new\n");
    await running.printed(/holding/);
    running.kill("SIGINT");
    const { code, events } = await running.ended;
    expect(code).toBe(130);
    expect(events.filter(({ type }) => type === "plan")).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ type: "summary", skipped: 1 });
  });
});
