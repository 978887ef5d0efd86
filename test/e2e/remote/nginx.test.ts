import { describe, expect, it } from "vitest";
import { findNginx, startNginx } from "../../rig/nginx.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

const program = findNginx();
if (program === undefined) console.warn("skipped: the remote cache on nginx (install Debian's nginx-light)");

describe.skipIf(program === undefined)("nginx with DAV", () => {
  it("is a cache: the second workspace runs nothing, large blobs are streamed and sent once", async () => {
    const nginx = await startNginx(program!, "t0ken");
    const text = `version: 1
params: { more: 1 }
stages:
  large: { cmd: "head -c 3000000 /dev/zero | tr '\\\\0' x > \${outs.o}", outs: { o: large.bin } }
  again: { cmd: "cp \${deps.o} \${outs.o}", deps: { o: large.o }, outs: { o: again.bin } }
  folder: { cmd: "mkdir -p \${outs.d}/e; echo \${params.more} > \${outs.d}/e/f; : > \${outs.d}/g", outs: { d: { path: d, kind: directory } } }
`;
    const env = { PIPELINE_REMOTE_CACHE: nginx.url, PIPELINE_REMOTE_TOKEN: "t0ken" };
    const [first, second, third] = [1, 2, 3].map(() => makeWorkspace({ "pipeline.yaml": text }));
    const made = await first!.runWith({ env }, "run", "--json", "--jobs", "1");
    expect(made.events.filter(({ type }) => type === "warning")).toEqual([]);
    expect(made.summary).toMatchObject({
      ran: 3,
      // The 3 MB of `large` and `again` are one blob; the empty file needs none.
      remote: { hits: 0, misses: 3, resultsSent: 3, blobsSent: 3 },
    });
    const blobs = nginx.log().filter((line) => line.startsWith("PUT /study/cas/"));
    expect(blobs).toHaveLength(3);
    expect(blobs.every((line) => line.endsWith(" 201"))).toBe(true);

    const taken = await second!.runWith({ env }, "run", "--json");
    expect(taken.summary).toMatchObject({ ran: 0, restored: 3, remote: { hits: 3, blobsFetched: 3, resultsSent: 0 } });
    expect(taken.summary!.remote!.bytesFetched).toBeGreaterThan(3_000_000);
    for (const file of first!.list("artifacts")) expect(second!.read(file)).toBe(first!.read(file));
    const checked = await second!.runWith({ env }, "cache", "check", "--full", "--json");
    expect(JSON.parse(checked.stdout)).toMatchObject({ results: 3, missing: [], problems: [] });

    const refused = await third!.runWith({ env: { ...env, PIPELINE_REMOTE_TOKEN: "no" } }, "run", "--json");
    expect(refused.summary).toMatchObject({ ran: 3, failed: 0, remote: { hits: 0, resultsSent: 0 } });
  });
});
