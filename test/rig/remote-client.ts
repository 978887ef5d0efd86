import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Cas, openCas } from "../../src/engine/cache/cas.ts";
import { openStore } from "../../src/engine/files/store.ts";
import { keyOf, type Manifest } from "../../src/engine/plan/manifest.ts";
import type { ActionRecord, OutResult } from "../../src/engine/plan/outcome.ts";
import type { Digest, InstanceName } from "../../src/engine/plan/plan.ts";
import { isConfigProblem, remoteConfigOf } from "../../src/engine/remote/config.ts";
import { openRemote, type Remote } from "../../src/engine/remote/remote.ts";
import type { CacheServer } from "./cache-server.ts";

/** A remote cache as a run opens it, on an empty store of its own, in this process. */
export interface Client {
  readonly remote: Remote;
  readonly cas: Cas;
  readonly warnings: string[];
  readonly controller: AbortController;
}

export function openClient(url: string, environment: Readonly<Record<string, string>> = {}): Client {
  const folder = mkdtempSync(join(tmpdir(), "pipeline-remote-"));
  const config = remoteConfigOf(undefined, { PIPELINE_REMOTE_TIMEOUT: "5", ...environment }, { url });
  if (config === undefined || isConfigProblem(config)) throw new Error(config?.message);
  const store = openStore(folder);
  const cas = openCas(store);
  const warnings: string[] = [];
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const remote = openRemote(config, store, cas, controller.signal, (message) => warnings.push(message));
  onTestFinished(() => {
    remote.close();
    store.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return { remote, cas, warnings, controller };
}

/** A file's result, whose blob the server has. */
export function blobOn(server: Pick<CacheServer, "entries">, content: string | Buffer): OutResult & { kind: "file" } {
  const bytes = Buffer.from(content);
  const digest = createHash("sha256").update(bytes).digest("hex") as Digest;
  server.entries.set(`cas/${digest}`, bytes);
  return { kind: "file", digest, bytes: bytes.length, executable: false };
}

/** A result of one file that the client has, and of which nobody else has heard. */
export function resultHere({ cas }: Client, content: string): ActionRecord {
  const digest: Digest = cas.putBytes(content);
  const manifest: Manifest = [["param", "content", digest]];
  return {
    key: keyOf(manifest),
    instance: "one" as InstanceName,
    manifest,
    outs: { o: { kind: "file", digest, bytes: Buffer.byteLength(content), executable: false } },
    seconds: 1,
    when: "2026-01-01T00:00:00.000Z",
  };
}
