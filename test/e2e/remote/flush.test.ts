import { describe, expect, it } from "vitest";
import type { Event } from "../../../src/engine/plan/event.ts";
import { hanging, startCacheServer } from "../../rig/cache-server.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

const THREE = `version: 1
stages:
  large: { cmd: "head -c 3000000 /dev/zero | tr '\\\\0' x > \${outs.o}", outs: { o: large.bin } }
  one: { cmd: "echo 1 > \${outs.o}", outs: { o: one.txt } }
  two: { cmd: "echo 2 > \${outs.o}", outs: { o: two.txt } }
`;

describe("what is still to be sent when all else is done", () => {
  it("is told while it is waited for, and at last that it is nothing", async () => {
    const server = await startCacheServer();
    // A blob, then its record: longer than what needs no telling.
    server.latency = 1200;
    const workspace = makeWorkspace({ "pipeline.yaml": THREE });
    const { events, summary } = await workspace.run("run", "one", "--json", "--remote", server.url);
    expect(summary).toMatchObject({ ran: 1, remote: { resultsSent: 1 } });
    const told = events.filter(
      (event): event is Extract<Event, { type: "remote-flush" }> => event.type === "remote-flush",
    );
    expect(told.at(0)).toMatchObject({ results: 1 });
    expect(told.at(0)!.bytes).toBeLessThanOrEqual(2);
    expect(told.at(-1)).toMatchObject({ results: 0, bytes: 0 });
    expect(events.at(-1)!.type).toBe("summary");
  });

  it("is left by Ctrl-C, which says so; `cache push` sends it", async () => {
    const server = await startCacheServer();
    server.fault = ({ method }) => (method === "PUT" ? "hangs" : undefined);
    const workspace = makeWorkspace({ "pipeline.yaml": THREE });
    const env = { PIPELINE_REMOTE_CACHE: server.url, PIPELINE_REMOTE_TIMEOUT: "600" };
    const running = workspace.start({ env }, "run");
    await running.printed(/… sending 3 results to the remote cache, [\d.]+ [kM]B left\n/);
    running.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect(code).toBe(130);
    expect(stdout).toContain(
      "warning  3 results were not sent to the remote cache: `pipeline cache push` sends what is here\n",
    );
    expect(stdout).toMatch(/\n3 ran · [\d.]+ m?s\n$/);
    // Nothing half is there, and everything here.
    expect(server.entries.size).toBe(0);
    expect((await workspace.run("cache", "check")).code).toBe(0);
    expect((await workspace.run("run", "--json", "--remote", "off")).summary).toMatchObject({ fresh: 3, ran: 0 });
    // So it is with Ctrl-C within `cache push`.
    const waits = hanging(server);
    const pushing = workspace.start({ env }, "cache", "push");
    await waits;
    pushing.kill("SIGINT");
    const stopped = await pushing.ended;
    expect(stopped.code).toBe(130);
    expect(stopped.stdout).toBe("interrupted · 3 left\n");
    server.fault = () => undefined;
    const pushed = await workspace.runWith({ env }, "cache", "push", "--json");
    expect(JSON.parse(pushed.stdout)).toMatchObject({
      results: 3,
      failed: [],
      remote: { blobsSent: 3, resultsSent: 3 },
    });
    expect([...server.entries.keys()].filter((path) => path.startsWith("ac/"))).toHaveLength(3);
  });

  it("is counted as not sent where the server refuses it, beside what the cache has already", async () => {
    const server = await startCacheServer();
    const workspace = makeWorkspace({ "pipeline.yaml": THREE });
    const env = { PIPELINE_REMOTE_CACHE: server.url };
    expect((await workspace.run("run")).code).toBe(0);
    server.fault = ({ method }) => (method === "PUT" ? { status: 401 } : undefined);
    const refused = await workspace.runWith({ env }, "cache", "push");
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/^✗ large\n✗ one\n✗ two\n3 not sent( ·.*)?\n$/);
    server.fault = () => undefined;
    expect((await workspace.runWith({ env }, "cache", "push")).stdout).toMatch(/^3 results in the remote cache · /);
  });
});
