import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { startCacheServer } from "../../rig/cache-server.ts";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";

/** A pair of keys as openssl makes them: the file of one half, the line that pipeline.yaml has of the other. */
function makeKeys(): { readonly pem: string; readonly line: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    pem: privateKey.export({ format: "pem", type: "pkcs8" }) as string,
    line: publicKey.export({ format: "der", type: "spki" }).toString("base64"),
  };
}

describe("signed results", () => {
  it("are taken from those who are trusted, and from nobody else", async () => {
    const server = await startCacheServer();
    const [ours, theirs] = [makeKeys(), makeKeys()];
    const stages = 'stages:\n  one: { cmd: "seq 9 > ${outs.o}", outs: { o: one.txt } }\n';
    const trusting = `version: 1\nremote: { url: "${server.url}", trusted: [${ours.line}] }\n${stages}`;
    const run = async (workspace: Workspace, env: Record<string, string> = {}) => {
      const { summary, events } = await workspace.runWith({ env }, "run", "--json");
      return { ...summary, warnings: events.flatMap((event) => (event.type === "warning" ? [event.message] : [])) };
    };
    const fresh = (): Workspace =>
      makeWorkspace({ "pipeline.yaml": trusting, "our.pem": ours.pem, "their.pem": theirs.pem });

    // Somebody who may write, and signs nothing or with a key of his own.
    const anyone = makeWorkspace({ "pipeline.yaml": `version: 1\nremote: { url: "${server.url}" }\n${stages}` });
    expect(await run(anyone)).toMatchObject({ ran: 1, remote: { resultsSent: 1 } });
    const refused = await run(fresh());
    // And without a key nothing is sent: nobody would take it.
    expect(refused).toMatchObject({ ran: 1, remote: { hits: 0, misses: 1, resultsSent: 0 } });
    expect(refused.warnings).toEqual([expect.stringContaining("is not signed; it counts as missing")]);
    const stranger = fresh();
    expect(await run(stranger, { PIPELINE_REMOTE_KEY: stranger.path("their.pem") })).toMatchObject({ ran: 1 });
    expect((await run(fresh())).warnings).toEqual([
      expect.stringContaining("is signed by nobody whom remote.trusted names; it counts as missing"),
    ]);

    const writer = fresh();
    expect(await run(writer, { PIPELINE_REMOTE_KEY: writer.path("our.pem") })).toMatchObject({
      remote: { resultsSent: 1 },
    });
    expect(await run(fresh())).toMatchObject({ ran: 0, restored: 1, warnings: [] });
    // The signature covers the record: another text under it is worth nothing.
    const path = [...server.entries.keys()].find((entry) => entry.startsWith("ac/"))!;
    const text = server.entries.get(path)!.toString("latin1").replace('"seconds":', '"seconds" :');
    server.entries.set(path, Buffer.from(text, "latin1"));
    expect(await run(fresh())).toMatchObject({ ran: 1, restored: 0 });
  });
});
