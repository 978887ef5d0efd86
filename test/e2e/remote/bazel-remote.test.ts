import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type BazelRemote, startBazelRemote } from "../../rig/bazel-remote.ts";
import { openClient, resultHere } from "../../rig/remote-client.ts";
import { makeWorkspace, type Outcome, type Workspace } from "../../rig/workspace.ts";

const PIPELINE = `version: 1
stages:
  one: { cmd: "seq 100 > \${outs.o}", outs: { o: one.txt } }
  two: { cmd: "mkdir -p \${outs.d}/e; cp \${deps.o} \${outs.d}/e/f; : > \${outs.d}/empty", deps: { o: one.o }, outs: { d: { path: d, kind: directory } } }
`;

function fresh(): Workspace {
  return makeWorkspace({ "pipeline.yaml": PIPELINE });
}

function runIn(workspace: Workspace, url: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return workspace.runWith({ env: { PIPELINE_REMOTE_CACHE: url, ...env } }, "run", "--json");
}

function warnings({ events }: Outcome): string[] {
  return events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
}

function counts({ seen }: BazelRemote): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of seen.splice(0)) found[line] = (found[line] ?? 0) + 1;
  return found;
}

function put(url: string, kind: "ac" | "cas", content: string, key = sha256(content)): Promise<Response> {
  return fetch(`${url}/${kind}/${key}`, { method: "PUT", body: content });
}

function sha256(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

// The double and what it doubles: test/rig/bazel-remote.ts.
describe("bazel-remote", () => {
  it("with its default flags takes our records, which are ActionResults, and another workspace runs nothing", async () => {
    const server = await startBazelRemote();
    const first = fresh();
    const made = await runIn(first, `${server.url}/study`);
    expect(warnings(made)).toEqual([]);
    expect(made.summary).toMatchObject({ ran: 2, remote: { resultsSent: 2, blobsSent: 2 } });
    // The text that `one` made and `two` copied, the tree; the empty file needs no blob.
    expect(counts(server)).toEqual({ "GET ac 404": 2, "PUT cas 200": 2, "PUT ac 200": 2 });
    const second = fresh();
    expect((await runIn(second, `${server.url}/study`)).summary).toMatchObject({ ran: 0, restored: 2 });
    expect(counts(server)).toEqual({ "GET ac 200": 2, "GET cas 200": 2 });
    for (const file of first.list("artifacts")) expect(second.read(file)).toBe(first.read(file));
    // An instance name is not looked at, unless it is told to.
    const looked = await fresh().run("status", "--remote", `${server.url}/some/other`);
    expect(looked.stdout).toContain("\n2 will be restored from the remote cache\n");
    // Compression is never asked for: what comes are a blob's own bytes.
    expect([...server.encodings]).toEqual(["identity"]);
    expect(await (await fetch(`${server.url}/status`)).json()).toMatchObject({ NumFiles: 4 });
    // A record of plain JSON would not be taken.
    expect((await put(server.url, "ac", '{"format":1}')).status).toBe(400);
  });

  it("without its validation, and with instance names in its keys, serves as well", async () => {
    const server = await startBazelRemote({ disableHttpAcValidation: true, enableAcKeyInstanceMangling: true });
    expect((await runIn(fresh(), `${server.url}/study`)).summary).toMatchObject({ ran: 2, remote: { resultsSent: 2 } });
    expect((await runIn(fresh(), `${server.url}/study`)).summary).toMatchObject({ ran: 0, restored: 2 });
    server.seen.splice(0);
    const other = await fresh().run("status", "--remote", `${server.url}/other`);
    expect(other.stdout).toContain("\n1 will run, 1 depends on them");
    expect(counts(server)).toEqual({ "GET ac 404": 1 });
  });

  it("that has evicted a blob has no record that names it: it is made and sent again", async () => {
    // Room for the four entries, and no more.
    const server = await startBazelRemote({ maxSize: 4 * 4096 });
    await runIn(fresh(), server.url);
    expect(server.keys()).toHaveLength(4);
    const text = sha256(Array.from({ length: 100 }, (_, index) => `${index + 1}\n`).join(""));
    // Somebody else's blobs, and records that are asked for meanwhile, push the oldest out.
    for (const content of ["a", "b"]) expect((await put(server.url, "cas", content)).status).toBe(200);
    expect(server.keys()).not.toContain(`cas/${text}`);
    expect(server.keys()).toHaveLength(4);
    counts(server);
    const second = await runIn(fresh(), server.url);
    expect(warnings(second)).toEqual([]);
    expect(second.summary).toMatchObject({ ran: 2, restored: 0, remote: { hits: 0, misses: 2, resultsSent: 2 } });
    expect(counts(server)).toEqual({ "GET ac 404": 2, "PUT cas 200": 2, "PUT ac 200": 2 });
    expect((await runIn(fresh(), server.url)).summary).toMatchObject({ ran: 0, restored: 2 });
  });

  it("takes no blob above --max_blob_size, nor one that it has no room for: others are sent", async () => {
    for (const [options, sentence] of [
      [{ maxBlobSize: 10_000 }, "does not take a blob, which may be too large for it (400)"],
      [{ maxSize: 12_288 }, "has no room (507)"],
    ] as const) {
      const server = await startBazelRemote(options);
      const client = openClient(server.url);
      expect(await client.remote.send(resultHere(client, "x".repeat(100_000)))).toBe(false);
      expect(await client.remote.send(resultHere(client, "y".repeat(20_000)))).toBe(false);
      expect(await client.remote.send(resultHere(client, "small"))).toBe(true);
      expect(client.warnings).toEqual([`the remote cache ${server.url} ${sentence}: such results are not sent`]);
      const status = sentence.slice(-4, -1);
      expect(counts(server)).toEqual({
        "HEAD cas 404": 1,
        [`PUT cas ${status}`]: 2,
        "PUT cas 200": 1,
        "PUT ac 200": 1,
      });
      // But not for ever.
      for (let index = 0; index < 30; index++) {
        await client.remote.send(resultHere(client, `${index}${"z".repeat(20_000)}`));
      }
      expect(counts(server)).toEqual({ [`PUT cas ${status}`]: 16 });
    }
  });

  it("lets everybody read and those write who are in its --htpasswd_file", async () => {
    const login = { PIPELINE_REMOTE_LOGIN: "ci:secret-4711" };
    const server = await startBazelRemote({ htpasswd: "ci:secret-4711", allowUnauthenticatedReads: true });
    const anybody = await runIn(fresh(), server.url);
    expect(anybody.summary).toMatchObject({ ran: 2, remote: { resultsSent: 0 } });
    expect(warnings(anybody)).toEqual([
      `the remote cache ${server.url} refuses to be written (401): set PIPELINE_REMOTE_TOKEN, or PIPELINE_REMOTE_LOGIN=user:password, or say --remote-read-only; it is only read`,
    ]);
    expect((await runIn(fresh(), server.url, login)).summary).toMatchObject({ ran: 2, remote: { resultsSent: 2 } });
    expect((await runIn(fresh(), server.url)).summary).toMatchObject({ ran: 0, restored: 2 });
    const closed = await startBazelRemote({ htpasswd: "ci:secret-4711" });
    const refused = openClient(closed.url);
    expect(await refused.remote.look(resultHere(refused, "x").key, { name: "one" as never, outs: [] })).toEqual({
      type: "unknown",
    });
    expect(refused.warnings[0]).toContain("refuses to be read (401)");
    // In the URL, too.
    const named = openClient(closed.url.replace("//", "//ci:secret-4711@"));
    expect(await named.remote.send(resultHere(named, "x"))).toBe(true);
  });
});
