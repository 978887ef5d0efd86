import { describe, expect, it } from "vitest";
import type { Assessment } from "../../../src/engine/survey/assess.ts";
import { type CacheServer, startCacheServer } from "../../rig/cache-server.ts";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";

const CHAIN = `version: 1
stages:
  one: { cmd: "seq 100 > \${outs.o}", outs: { o: one.txt } }
  two: { cmd: "cat \${deps.o} \${deps.o} > \${outs.o}", deps: { o: one.o }, outs: { o: two.txt } }
  three: { cmd: "wc -l < \${deps.o} > \${outs.o}", deps: { o: two.o }, outs: { o: three.txt } }
`;
const EDITED = CHAIN.replace("cat ${deps.o} ${deps.o}", "cat ${deps.o}");

async function filled(): Promise<CacheServer> {
  const server = await startCacheServer();
  const done = await makeWorkspace({ "pipeline.yaml": CHAIN }).run("run", "--json", "--remote", server.url);
  expect(done.summary).toMatchObject({ ran: 3, remote: { resultsSent: 3 } });
  server.reset();
  return server;
}

/** `one restorable far`, … and the warnings. */
async function look(workspace: Workspace, server: CacheServer, ...args: string[]) {
  return lookFor("600", workspace, server, ...args);
}

async function lookFor(
  timeout: string,
  workspace: Workspace,
  server: CacheServer,
  ...args: string[]
): Promise<{ readonly states: readonly string[]; readonly stderr: string; readonly asked: string[] }> {
  server.reset();
  const env = { PIPELINE_REMOTE_CACHE: server.url, PIPELINE_REMOTE_TIMEOUT: timeout };
  const { code, stdout, stderr } = await workspace.runWith({ env }, ...args, "--json");
  expect(code, stderr).toBe(0);
  const states = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Assessment)
    .map(({ instance, state, remote }) => `${instance} ${state}${remote ? " far" : ""}`);
  return {
    states,
    stderr,
    asked: server.seen.map(({ method, path, status }) => `${method} ${path.slice(0, 2)} ${status}`),
  };
}

describe("status, why and run --dry-run", () => {
  it("ask for records alone, tell what a run would restore from the remote cache, and leave no trace", async () => {
    const server = await filled();
    const workspace = makeWorkspace({ "pipeline.yaml": CHAIN });
    const hits = ["GET ac 200", "GET ac 200", "GET ac 200"];
    const far = ["one restorable far", "two restorable far", "three restorable far"];
    expect(await look(workspace, server, "status")).toEqual({ states: far, stderr: "", asked: hits });
    expect(workspace.list(".pipeline/actions")).toEqual([]);
    expect(workspace.list(".pipeline/cas")).toEqual([]);
    expect(await look(workspace, server, "run", "--dry-run")).toEqual({ states: far, stderr: "", asked: hits });
    expect(await look(workspace, server, "why", "two")).toMatchObject({
      states: ["two restorable far"],
      asked: hits.slice(0, 2),
    });
    const args = ["--remote", server.url] as const;
    const dry = await workspace.run("run", "-n", ...args);
    expect(dry.stdout.match(/will be restored from the remote cache/g)).toHaveLength(4);
    expect(dry.stdout).toContain("\n3 will be restored from the remote cache\n");
    expect((await workspace.run("status", ...args)).stdout).toMatch(/ three +will be restored from the remote cache\n/);

    // Said not to be asked, it is not.
    expect(await look(workspace, server, "status", "--remote", "off")).toEqual({
      states: ["one stale", "two depends", "three depends"],
      stderr: "",
      asked: [],
    });
    // Where something changes, the rest follows as far as it is known.
    workspace.write("pipeline.yaml", EDITED);
    expect(await look(workspace, server, "status")).toEqual({
      states: ["one restorable far", "two stale", "three depends"],
      stderr: "",
      asked: ["GET ac 200", "GET ac 404"],
    });
    // And as a run has it: of what is named, and of what an action reads, the outs are brought here.
    workspace.write("pipeline.yaml", CHAIN);
    expect((await look(workspace, server, "status", "three")).states).toEqual([
      "one fresh far",
      "two fresh far",
      "three restorable far",
    ]);
    expect((await look(workspace, server, "run", "-n", "--force", "three")).states).toEqual([
      "one fresh far",
      "two restorable far",
      "three stale",
    ]);
  });

  it("after a lazy run look whether the cache has it still", async () => {
    const server = await filled();
    const workspace = makeWorkspace({ "pipeline.yaml": CHAIN });
    await workspace.run("run", "three", "--remote", server.url);
    expect(await look(workspace, server, "status", "three")).toEqual({
      states: ["one fresh far", "two fresh far", "three fresh"],
      stderr: "",
      asked: ["GET ac 200", "GET ac 200"],
    });
    for (const path of [...server.entries.keys()]) if (path.startsWith("ac/")) server.entries.delete(path);
    const gone = await look(workspace, server, "status", "three");
    expect(gone).toEqual({
      states: ["one stale", "two depends", "three depends"],
      stderr: "",
      asked: ["GET ac 404"],
    });
  });

  it("tell what is known here, and one warning, where the cache cannot be asked", async () => {
    const server = await filled();
    const workspace = makeWorkspace({ "pipeline.yaml": CHAIN });
    server.fault = () => "error";
    const local = ["one stale", "two depends", "three depends"];
    const failing = await look(workspace, server, "status");
    expect(failing.states).toEqual(local);
    expect(failing.asked).toHaveLength(4);
    expect(failing.stderr).toBe(
      `warning  the remote cache ${server.url} cannot be used: it answers 500; what follows is what is known here\n`,
    );
    // One that says nothing of some is waited for half its time limit, and what it has said counts.
    server.fault = ({ path }) => (server.seen.length > 0 && path.startsWith("ac/") ? "hangs" : undefined);
    const hanging = await lookFor("4", workspace, server, "status");
    expect(hanging.states).toEqual(["one restorable far", "two stale", "three depends"]);
    expect(hanging.asked).toEqual(["GET ac 200", "GET ac 0"]);
    expect(hanging.stderr).toBe(
      `warning  the remote cache ${server.url} has not told all within 2 s; what follows is what is known here\n`,
    );
  });
});
