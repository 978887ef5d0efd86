import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openActionCache } from "../../../src/engine/cache/action-cache.ts";
import { openCas } from "../../../src/engine/cache/cas.ts";
import { openStore } from "../../../src/engine/files/store.ts";
import type { Digest, Key } from "../../../src/engine/plan/plan.ts";
import { makeWorkspace } from "../../rig/workspace.ts";
import { full } from "./layers.ts";

/** Every bit of every byte in the full size; else one bit a byte, another for each. */
const bitsOf = (index: number): readonly number[] => (full ? [0, 1, 2, 3, 4, 5, 6, 7] : [index % 8]);

async function sample() {
  const workspace = makeWorkspace({
    "pipeline.yaml": `version: 1
stages:
  file: { cmd: "seq 1 60 > \${outs.x}", outs: { x: file.txt } }
  folder: { cmd: "mkdir \${outs.d}/in && cp \${deps.x} \${outs.d}/in/a.txt && echo b > \${outs.d}/b.txt", deps: { x: file.x }, outs: { d: { path: folder, kind: directory } } }
`,
  });
  expect((await workspace.run("run")).code).toBe(0);
  const store = openStore(workspace.root);
  onTestFinished(() => store.close());
  return { workspace, store };
}

/** Calls `look` with each damaged version of a file in its place, and puts the file back. */
async function damage(path: string, look: (what: string) => Promise<void> | void): Promise<void> {
  const bytes = readFileSync(path);
  for (let index = 0; index < bytes.length; index++) {
    for (const bit of bitsOf(index)) {
      const damaged = Buffer.from(bytes);
      damaged[index]! ^= 1 << bit;
      put(path, damaged);
      await look(`bit ${bit} of byte ${index}`);
    }
  }
  put(path, bytes);
}

function put(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  writeFileSync(path, bytes);
  chmodSync(path, 0o444);
}

describe("every single byte", () => {
  it("of a cached blob, flipped, is found before anything uses it", async () => {
    const { workspace, store } = await sample();
    const cas = openCas(store);
    const blobs = workspace.list(".pipeline/cas");
    // Two files (one of them twice, which is one blob), and the folder's list.
    expect(blobs).toHaveLength(3);
    for (const blob of blobs) {
      const digest = blob.slice(blob.lastIndexOf("/") + 1) as Digest;
      const to = workspace.path("copy");
      await damage(workspace.path(blob), async (what) => {
        expect(await cas.copy(digest, to, false), what).toBe("corrupted");
        expect(existsSync(to), what).toBe(false);
        // Out of the way, for someone to look at.
        expect(cas.has(digest), what).toBe(false);
        expect(existsSync(store.quarantined(digest)), what).toBe(true);
      });
      expect(await cas.copy(digest, to, false)).toHaveProperty("ino");
      rmSync(to);
    }
  });

  it("of an action record, flipped, makes it a miss, never another result", async () => {
    const { workspace, store } = await sample();
    const warnings: string[] = [];
    const actions = openActionCache(store, (message) => warnings.push(message));
    for (const file of workspace.list(".pipeline/actions")) {
      const key = file.slice(file.lastIndexOf("/") + 1, -".json".length) as Key;
      const healthy = actions.get(key);
      expect(healthy).toBeDefined();
      await damage(workspace.path(file), (what) => {
        const found = actions.get(key);
        if (found !== undefined) expect(found, what).toEqual(healthy);
      });
      expect(actions.get(key)).toEqual(healthy);
    }
    expect(warnings.length).toBeGreaterThan(100);
  });
});
