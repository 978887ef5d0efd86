import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type CacheServer, hanging, startCacheServer } from "../../rig/cache-server.ts";
import { makeWorkspace, type Outcome, type Workspace } from "../../rig/workspace.ts";

/** Two stages in a row, of one small blob each. */
function makeChain(): Workspace {
  const chain = makeWorkspace();
  chain.write(
    "pipeline.yaml",
    `version: 1
stages:
  one: { cmd: "${chain.counting("one").replaceAll('"', '\\"')}; seq 100 > \${outs.o}", outs: { o: one.txt } }
  two: { cmd: "cat \${deps.o} \${deps.o} > \${outs.o}", deps: { o: one.o }, outs: { o: two.txt } }
`,
  );
  return chain;
}

function runIn(chain: Workspace, server: CacheServer, env: Readonly<Record<string, string>> = {}, ...args: string[]) {
  const remote = { PIPELINE_REMOTE_CACHE: server.url, PIPELINE_REMOTE_TIMEOUT: "1" };
  return chain.runWith({ env: { ...remote, ...env } }, "run", "--json", ...args);
}

function warnings({ events }: Outcome): string[] {
  return events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
}

/** The counter of a workspace is part of its command: both have the same text where one copies the other. */
async function filled(): Promise<{ server: CacheServer; first: Workspace; second: () => Workspace }> {
  const server = await startCacheServer();
  const first = makeChain();
  expect((await runIn(first, server)).summary).toMatchObject({ ran: 2, remote: { resultsSent: 2 } });
  server.reset();
  return { server, first, second: () => makeWorkspace({ "pipeline.yaml": first.read("pipeline.yaml") }) };
}

describe("a remote cache that fails", () => {
  it("for a moment is asked again: 500, 429, a connection that breaks off", async () => {
    const { server, second } = await filled();
    for (const fault of ["error", "busy", "breaks-off", "truncated"] as const) {
      server.reset();
      server.fault = ({ path, nth }) => (path.startsWith("cas/") && nth === 0 ? fault : undefined);
      const done = await runIn(second(), server);
      expect(warnings(done), fault).toEqual([]);
      expect(done.summary, fault).toMatchObject({ restored: 2, ran: 0, remote: { requests: 6 } });
    }
  });

  it("with other bytes than a digest says is not believed: the result is made again, and mended there", async () => {
    const { server, second } = await filled();
    server.fault = ({ method, path }) => (method === "GET" && path.startsWith("cas/") ? "wrong-bytes" : undefined);
    const other = second();
    const done = await runIn(other, server);
    expect(done.code).toBe(0);
    expect(done.summary).toMatchObject({ ran: 2, restored: 0 });
    expect(warnings(done)).toEqual([
      "artifacts/one.txt of one is corrupted in the remote cache: it is made again",
      "artifacts/two.txt of two is corrupted in the remote cache: it is made again",
    ]);
    expect(other.read("artifacts/one.txt").split("\n")).toHaveLength(101);
    expect(server.count("PUT", "cas")).toBe(2);
  });

  it("has lost the blob of a dep that was left there: the dep is made again, then what reads it", async () => {
    const { server, first, second } = await filled();
    for (const path of [...server.entries.keys()]) {
      if (
        path.startsWith("cas/") &&
        server.entries.get(path)!.length === Buffer.byteLength(first.read("artifacts/one.txt"))
      )
        server.entries.delete(path);
    }
    const other = second();
    other.write("pipeline.yaml", first.read("pipeline.yaml").replace("cat ${deps.o} ${deps.o}", "cat ${deps.o}"));
    const done = await runIn(other, server, {}, "two");
    expect(warnings(done)).toEqual(["artifacts/one.txt of one is not in the remote cache any more: it is made again"]);
    expect(done.summary).toMatchObject({ ran: 2, fresh: 0, failed: 0, remote: { resultsSent: 2 } });
    expect(other.read("artifacts/two.txt")).toBe(first.read("artifacts/one.txt"));
  });

  it("all the time, does not answer, or is not there, is one warning", async () => {
    const { server, second } = await filled();
    server.fault = () => "error";
    const failing = await runIn(second(), server);
    expect(failing.summary).toMatchObject({ ran: 2, failed: 0 });
    expect(warnings(failing)).toEqual([
      `the remote cache ${server.url} cannot be used: it answers 500; the run goes on without it`,
    ]);
    // Four attempts open the circuit; nothing is tried after them.
    expect(server.seen).toHaveLength(4);
    server.fault = () => "hangs";
    const hanging = await runIn(second(), server, { PIPELINE_REMOTE_TIMEOUT: "0.1" });
    expect(hanging.summary).toMatchObject({ ran: 2, failed: 0 });
    expect(warnings(hanging)).toHaveLength(1);
    await server.stop();
    const gone = await runIn(second(), server);
    expect(gone.code).toBe(0);
    expect(gone.summary).toMatchObject({ ran: 2, failed: 0 });
    expect(warnings(gone)).toEqual([
      `the remote cache ${server.url} cannot be used: nobody listens there; the run goes on without it`,
    ]);
  });

  it("dies while results are sent: they are kept here, and sent by `cache push`", async () => {
    const server = await startCacheServer();
    const chain = makeChain();
    server.fault = ({ method }) => (method === "PUT" ? "breaks-off" : undefined);
    const done = await runIn(chain, server);
    expect(done.code).toBe(0);
    expect(done.summary).toMatchObject({ ran: 2, failed: 0, remote: { resultsSent: 0 } });
    expect(warnings(done)).toHaveLength(1);
    expect(server.entries.size).toBe(0);
    server.fault = () => undefined;
    const env = { PIPELINE_REMOTE_CACHE: server.url };
    const pushed = await chain.runWith({ env }, "cache", "push", "--json");
    expect(pushed.code).toBe(0);
    expect(JSON.parse(pushed.stdout)).toMatchObject({ results: 2, missing: [], failed: [], remote: { blobsSent: 2 } });
    // Elsewhere they are pulled, and restored where there is no network.
    const other = makeWorkspace({ "pipeline.yaml": chain.read("pipeline.yaml") });
    const pulled = await other.runWith({ env }, "cache", "pull", "--json");
    expect(JSON.parse(pulled.stdout)).toMatchObject({ results: 2, missing: [], remote: { blobsFetched: 2 } });
    expect(other.exists("artifacts")).toBe(false);
    expect((await other.run("run", "--json")).summary).toMatchObject({ restored: 2, ran: 0 });
  });

  it("is found out by `cache check`", async () => {
    const { server, first } = await filled();
    const check = async (...args: string[]): Promise<{ code: number | null; report: Record<string, unknown> }> => {
      const { code, stdout } = await first.run("cache", "check", "--remote", server.url, "--json", ...args);
      return { code, report: JSON.parse(stdout) };
    };
    expect(await check("--full")).toMatchObject({ code: 0, report: { results: 2, blobs: 2, problems: [] } });
    const blob = [...server.entries.keys()].find((path) => path.startsWith("cas/"))!;
    server.entries.set(blob, Buffer.from("other"));
    expect(await check()).toMatchObject({ code: 0 });
    expect(await check("--full")).toMatchObject({ code: 1, report: { problems: [{ reason: "corrupted-blob" }] } });
    server.entries.delete(blob);
    expect(await check()).toMatchObject({ code: 1, report: { problems: [{ reason: "missing-blob" }] } });
  });

  it("lets go at once when the run is interrupted", async () => {
    const { server, second } = await filled();
    const other = second();
    const waits = hanging(server);
    const env = { PIPELINE_REMOTE_CACHE: server.url, PIPELINE_REMOTE_TIMEOUT: "600" };
    const running = other.start({ env }, "run", "--json");
    await waits;
    running.kill("SIGINT");
    const { code, summary } = await running.ended;
    expect(code).toBe(130);
    expect(summary).toMatchObject({ ran: 0, skipped: 2 });
  });
});

describe("who may do what", () => {
  it("a token opens the cache and is seen nowhere, not even by actions", async () => {
    const server = await startCacheServer();
    const token = "very-secret-4711";
    server.only = `Bearer ${token}`;
    const chain = makeWorkspace({
      "pipeline.yaml": 'version: 1\nstages:\n  one: { cmd: "env > ${outs.o}; env", outs: { o: one.txt } }\n',
    });
    const bare = await runIn(chain, server);
    expect(bare.summary).toMatchObject({ ran: 1, failed: 0 });
    expect(warnings(bare)).toEqual([
      `the remote cache ${server.url} refuses to be read (401): set PIPELINE_REMOTE_TOKEN, or PIPELINE_REMOTE_LOGIN=user:password; the run goes on without it`,
    ]);
    const done = await runIn(chain, server, { PIPELINE_REMOTE_TOKEN: token }, "--force");
    expect(done.summary).toMatchObject({ ran: 1, remote: { resultsSent: 1 } });
    const wrong = await runIn(chain, server, { PIPELINE_REMOTE_TOKEN: "wrong-4711" }, "--force");
    expect(warnings(wrong)).toContainEqual(expect.stringContaining("check PIPELINE_REMOTE_TOKEN"));
    const written = [...chain.list("."), ...chain.list(".pipeline").map((file) => file)].map((file) =>
      readFileSync(chain.path(file), "latin1"),
    );
    const texts = [
      done.stdout,
      done.stderr,
      wrong.stdout,
      wrong.stderr,
      ...written,
      ...[...server.entries.values()].map(String),
    ];
    for (const text of texts) expect(text).not.toContain("4711");
    const mistaken = chain.read("pipeline.yaml").replace("one: {", "one: { env: [PIPELINE_REMOTE_TOKEN],");
    chain.write("pipeline.yaml", mistaken);
    const refused = await chain.run("run");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("no stage and no platform is given it");
  });

  it("a URL with user and password opens it, and is shown without them", async () => {
    const server = await startCacheServer();
    server.only = `Basic ${Buffer.from("me:pass-4711").toString("base64")}`;
    const chain = makeChain();
    const url = server.url.replace("//", "//me:pass-4711@");
    const done = await chain.run("run", "--json", "--remote", url);
    expect(done.summary).toMatchObject({ ran: 2, remote: { resultsSent: 2 } });
    await server.stop();
    const gone = await chain.run("run", "--json", "--force", "--remote", url);
    expect(gone.stdout + gone.stderr).not.toContain("4711");
    expect((await chain.run("run", "--remote", `ftp://me:pass-4711@host/x`)).stderr).not.toContain("4711");
  });

  it("a pull request reads and sends nothing", async () => {
    const { server, second } = await filled();
    const other = second();
    other.write("pipeline.yaml", other.read("pipeline.yaml").replace("cat ${deps.o} ${deps.o}", "cat ${deps.o}"));
    const done = await runIn(other, server, {}, "--remote-read-only");
    expect(done.summary).toMatchObject({ ran: 1, restored: 1, remote: { resultsSent: 0 } });
    expect(server.seen.filter(({ method }) => method !== "GET")).toEqual([]);
    const pushed = await other.run("cache", "push", "--remote", server.url, "--remote-read-only");
    expect(pushed.code).toBe(2);
  });

  it("a server that lets nobody write is told of once, and read", async () => {
    const { server, second } = await filled();
    server.fault = ({ method }) => (method === "PUT" ? { status: 403 } : undefined);
    const other = second();
    other.write("pipeline.yaml", other.read("pipeline.yaml").replace("cat ${deps.o} ${deps.o}", "cat ${deps.o}"));
    const done = await runIn(other, server);
    expect(done.summary).toMatchObject({ ran: 1, restored: 1 });
    expect(warnings(done)).toHaveLength(1);
    expect(warnings(done)[0]).toContain("refuses to be written (403)");
  });
});
