import { describe, expect, it } from "vitest";
import { startCacheServer } from "../../rig/cache-server.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

const MANY = 60;
/** Two stages of so many instances each, where each reads one, and one that gathers them. */
const STUDY = `version: 1
params: { n: ${MANY} }
stages:
  first: { cmd: "echo \${i} > \${outs.o}", matrix: { i: "\${range(params.n)}" }, outs: { o: "first/\${i}.txt" } }
  second: { cmd: "cat \${deps.o} > \${outs.o}", matrix: { of: first }, deps: { o: first.o }, outs: { o: "second/\${i}.txt" } }
  all: { cmd: "cat \${deps.o} > \${outs.o}", deps: { o: second.o }, outs: { o: all.txt } }
`;
const RESULTS = 2 * MANY + 1;
/** `second` has the bytes of `first`. */
const BLOBS = MANY + 1;

describe("many results on a server with a latency", () => {
  it("are pushed, pulled, checked and asked for sixteen at a time, each once", async () => {
    const server = await startCacheServer();
    const first = makeWorkspace({ "pipeline.yaml": STUDY });
    expect((await first.run("run", "--json", "--jobs", "2")).summary).toMatchObject({ ran: RESULTS });
    server.latency = 10;
    const env = { PIPELINE_REMOTE_CACHE: server.url };
    const seen = (): Record<string, number> => {
      const counts: Record<string, number> = {};
      for (const { method, path, status } of server.seen) {
        const kind = `${method} ${path.split("/")[0]} ${status}`;
        counts[kind] = (counts[kind] ?? 0) + 1;
      }
      expect(server.together).toBeGreaterThan(8);
      expect(server.together).toBeLessThanOrEqual(16);
      server.reset();
      return counts;
    };

    const pushed = await first.runWith({ env }, "cache", "push", "--json");
    expect(JSON.parse(pushed.stdout)).toMatchObject({ results: RESULTS, missing: [], failed: [] });
    expect(seen()).toEqual({ "PUT cas 201": BLOBS, "PUT ac 201": RESULTS });

    const second = makeWorkspace({ "pipeline.yaml": STUDY });
    const looked = await second.runWith({ env }, "status");
    expect(looked.stdout).toContain(`\n${RESULTS} will be restored from the remote cache\n`);
    expect(seen()).toEqual({ "GET ac 200": RESULTS });

    const pulled = await second.runWith({ env }, "cache", "pull", "--json");
    expect(JSON.parse(pulled.stdout)).toMatchObject({ results: RESULTS, missing: [], failed: [] });
    expect(seen()).toEqual({ "GET ac 200": RESULTS, "GET cas 200": BLOBS });
    expect((await second.run("run", "--json")).summary).toMatchObject({ restored: RESULTS, ran: 0 });
    expect(second.read("artifacts/all.txt")).toBe(first.read("artifacts/all.txt"));

    // On an empty workspace, too, a result is asked for once.
    const third = makeWorkspace({ "pipeline.yaml": STUDY });
    const blob = [...server.entries.keys()].find((path) => path.startsWith("cas/"))!;
    server.entries.delete(blob);
    const checked = await third.runWith({ env }, "cache", "check", "--remote-results", "--json");
    const report = JSON.parse(checked.stdout) as { problems: { reason: string; instance: string }[] };
    expect(report).toMatchObject({ results: RESULTS, blobs: BLOBS });
    // One blob less is missing in both that name it, told in the order of the plan.
    expect(report.problems.map(({ reason }) => reason)).toEqual(["missing-blob", "missing-blob"]);
    expect(report.problems.map(({ instance }) => instance.split("@")[0])).toEqual(["first", "second"]);
    expect(seen()).toEqual({ "GET ac 200": RESULTS, "HEAD cas 200": BLOBS - 1, "HEAD cas 404": 1 });
  });
});
