import { describe, expect, it } from "vitest";
import type { Event } from "../../../src/engine/plan/event.ts";
import { type CacheServer, startCacheServer } from "../../rig/cache-server.ts";
import { makeWorkspace, type Outcome, type Workspace } from "../../rig/workspace.ts";
import { makeStudy, named } from "../engine/study.ts";

const INSTANCES = 6;

function withCache(server: CacheServer, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PIPELINE_REMOTE_CACHE: server.url, PIPELINE_REMOTE_TIMEOUT: "1", ...more };
}

function runIn(study: Workspace, env: Record<string, string>, ...args: string[]): Promise<Outcome> {
  return study.runWith({ env }, "run", "--json", ...args);
}

function warnings(events: readonly Event[]): string[] {
  return events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
}

/** A server that one workspace has filled, and that workspace. */
async function filled(env: Readonly<Record<string, string>> = {}): Promise<{ server: CacheServer; first: Workspace }> {
  const server = await startCacheServer();
  const first = makeStudy();
  const { summary, events } = await runIn(first, withCache(server, env));
  expect(warnings(events)).toEqual([]);
  expect(summary).toMatchObject({ ran: INSTANCES, remote: { hits: 0, misses: INSTANCES, resultsSent: INSTANCES } });
  return { server, first };
}

describe("two clean workspaces on one cache", () => {
  it("the second runs nothing and has the same bytes", async () => {
    const { server, first } = await filled();
    // Each result is asked for once and sent once; each blob is small, so it is sent without asking.
    expect(server.count("GET", "ac")).toBe(INSTANCES);
    expect(server.count("PUT", "ac")).toBe(INSTANCES);
    const blobs = new Set(first.list(".pipeline/cas"));
    expect(server.count("PUT", "cas")).toBe(blobs.size);
    expect(server.count("HEAD", "cas")).toBe(0);
    // A record comes after all that it names.
    const order = server.seen.filter(({ method }) => method === "PUT").map(({ path }) => path);
    expect(order.findIndex((path) => path.startsWith("ac/"))).toBeGreaterThan(0);

    server.reset();
    const second = makeStudy();
    const { summary, events, code } = await runIn(second, withCache(server));
    expect(code).toBe(0);
    expect(summary).toMatchObject({
      ran: 0,
      restored: INSTANCES,
      remote: {
        hits: INSTANCES,
        misses: 0,
        blobsFetched: blobs.size,
        resultsSent: 0,
        requests: INSTANCES + blobs.size,
      },
    });
    expect(server.seen).toHaveLength(INSTANCES + blobs.size);
    expect(server.seen.every(({ method }) => method === "GET")).toBe(true);
    expect(events.filter((event) => event.type === "restored").every((event) => event.remote === true)).toBe(true);
    for (const file of first.list("artifacts")) expect(second.read(file)).toBe(first.read(file));

    // What is here is not asked for again.
    server.reset();
    expect((await runIn(second, withCache(server))).summary).toMatchObject({ fresh: INSTANCES });
    expect(server.seen).toEqual([]);
    // And a run without the cache restores from what the first one brought.
    second.remove("artifacts");
    expect((await second.run("run", "--json")).summary).toMatchObject({ restored: INSTANCES, ran: 0 });
  });

  it("a run of a target has the outs of that target alone", async () => {
    const { server } = await filled();
    server.reset();
    const second = makeStudy();
    const { summary, events } = await runIn(second, withCache(server), "table");
    expect(second.list("artifacts")).toEqual(["artifacts/table.txt"]);
    expect(server.count("GET", "cas")).toBe(1);
    expect(summary).toMatchObject({ restored: 1, fresh: INSTANCES - 1, ran: 0, remote: { blobsFetched: 1 } });
    expect(events.filter((event) => event.type === "fresh" && event.remote === true)).toHaveLength(INSTANCES - 1);
    // The rest follows when it is asked for.
    server.reset();
    const all = await runIn(second, withCache(server));
    expect(all.summary).toMatchObject({ restored: INSTANCES - 1, fresh: 1, ran: 0 });
    expect(server.count("GET", "ac")).toBe(0);
  });

  it("a stale stage fetches its deps and nothing that they were made of", async () => {
    const { server } = await filled();
    server.reset();
    const second = makeStudy();
    second.write(
      "pipeline.yaml",
      second.read("pipeline.yaml").replace("cat ${deps.values}", "cat ${deps.values} ${deps.values}"),
    );
    const { summary, events } = await runIn(second, withCache(server), "table");
    expect(named(events, "ran")).toEqual(["table"]);
    expect(named(events, "restored").every((name) => name.startsWith("spectrum@"))).toBe(true);
    expect(server.count("GET", "cas")).toBe(2);
    expect(summary).toMatchObject({ ran: 1, restored: 2, fresh: 3 });
    expect(second.list("artifacts").filter((file) => file.includes("runs/"))).toEqual([]);
  });

  it("directories come with their trees", async () => {
    const server = await startCacheServer();
    const files = {
      "pipeline.yaml": `version: 1
stages:
  many:
    cmd: "mkdir -p \${outs.all}/deep && echo one > \${outs.all}/a && echo two > \${outs.all}/deep/b && touch \${outs.all}/empty && chmod +x \${outs.all}/a"
    outs: { all: { path: all, kind: directory } }
`,
    };
    const [first, second] = [makeWorkspace(files), makeWorkspace(files)];
    await runIn(first, withCache(server));
    const { summary } = await runIn(second, withCache(server));
    expect(summary).toMatchObject({ restored: 1, ran: 0, remote: { blobsFetched: 3 } });
    expect(second.list("artifacts")).toEqual(["artifacts/all/a", "artifacts/all/deep/b", "artifacts/all/empty"]);
    expect((await second.run("verify")).code).toBe(0);
    // And people are told, on the screen and in the job's summary.
    const third = makeWorkspace(files);
    const { stdout } = await third.runWith({ env: withCache(server) }, "run", "--summary", "told.md");
    expect(stdout).toMatch(/1 restored · [\d.]+ s · remote cache: 1 result found, \d+ B fetched\n/);
    expect(third.read("told.md")).toMatch(/1 restored · [\d.]+ s · remote cache: 1 result found, \d+ B fetched\n/);
  });
});
