import { createCipheriv, createHash } from "node:crypto";
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Cas, openCas } from "../../../src/engine/cache/cas.ts";
import { openSeals, type Seal } from "../../../src/engine/cache/seals.ts";
import { openStore, type Store } from "../../../src/engine/files/store.ts";
import type { Digest } from "../../../src/engine/plan/plan.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

/** More than two chunks, and no whole number of blocks. */
const LARGE = Buffer.alloc((1 << 21) + 4099, "the edge of stability ");
const digestOf = (bytes: Uint8Array): Digest => createHash("sha256").update(bytes).digest("hex") as Digest;

function open(): { store: Store; path: (name: string) => string } {
  const workspace = makeWorkspace();
  const store = openStore(workspace.root);
  onTestFinished(() => store.close());
  return { store, path: workspace.path };
}

function sealOf(store: Store, digest: Digest): Seal | undefined {
  const { entries } = JSON.parse(readFileSync(store.index("seals"), "utf8")) as { entries: [string, Seal][] };
  return new Map(entries).get(digest);
}

/** A cache that holds `LARGE`, as another process finds it. */
async function filled(): Promise<{ store: Store; digest: Digest; to: string; reopen: () => Cas }> {
  const { store, path } = open();
  const cas = openCas(store);
  const temporary = store.scratch("large");
  writeFileSync(temporary, LARGE);
  const digest = await cas.take(temporary, LARGE.length);
  cas.save();
  return { store, digest, to: path("copy"), reopen: () => openCas(store) };
}

function rewrite(file: string, change: (bytes: Buffer) => Uint8Array): void {
  chmodSync(file, 0o644);
  writeFileSync(file, change(readFileSync(file)));
}

describe("a seal", () => {
  it("is the GMAC of the bytes, in whatever pieces they come", () => {
    const { store } = open();
    for (const piece of [15, 16, 17, 40_009, 1 << 20, LARGE.length]) {
      const seals = openSeals(store);
      const sealing = seals.first();
      for (let at = 0; at < LARGE.length; at += piece) sealing.look(LARGE.subarray(at, at + piece));
      expect(sealing.digest()).toBe(digestOf(LARGE));
      seals.save();
      const [key, tag] = sealOf(store, digestOf(LARGE))!;
      const whole = createCipheriv("aes-128-gcm", Buffer.from(key, "hex"), Buffer.alloc(12)).setAAD(LARGE);
      whole.final();
      expect(tag).toBe(whole.getAuthTag().toString("hex"));
    }
  });

  it("has a key of its own each time", () => {
    const { store } = open();
    const seals = openSeals(store);
    const keys = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const sealing = seals.first();
      sealing.look(LARGE);
      const digest = sealing.digest();
      seals.save();
      keys.add(sealOf(store, digest)![0]);
    }
    expect(keys.size).toBe(4);
  });

  it("holds for these bytes alone: not with one bit turned, one byte more or less, or two blocks exchanged", () => {
    const { store } = open();
    const seals = openSeals(store);
    const bytes = Buffer.from(LARGE.subarray(0, 1000));
    const sealing = seals.first();
    sealing.look(bytes);
    const digest = sealing.digest();
    const holds = (other: Uint8Array): boolean => {
      const check = seals.quick(digest)!;
      check.look(other);
      return check.holds();
    };
    expect(holds(bytes)).toBe(true);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const other = Buffer.from(bytes);
      other[bit >> 3]! ^= 1 << (bit & 7);
      expect(holds(other), `bit ${bit}`).toBe(false);
    }
    expect(holds(bytes.subarray(0, -1))).toBe(false);
    expect(holds(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe(false);
    expect(holds(Buffer.concat([bytes.subarray(16, 32), bytes.subarray(0, 16), bytes.subarray(32)]))).toBe(false);
  });
});

describe("a large blob", () => {
  it("is sealed when it is taken, and copied by its seal", async () => {
    const { store, digest, to, reopen } = await filled();
    expect(digest).toBe(digestOf(LARGE));
    expect(sealOf(store, digest)).toBeDefined();
    expect(await reopen().copy(digest, to, true)).toMatchObject({ size: BigInt(LARGE.length) });
    expect(readFileSync(to).equals(LARGE)).toBe(true);
    expect(statSync(to).mode & 0o777).toBe(0o755);
  });

  const damages: Record<string, (bytes: Buffer) => Uint8Array> = {
    "with another byte in its first chunk": (bytes) => bytes.fill(7, 5, 6),
    "with another byte at its end": (bytes) => bytes.fill(7, bytes.length - 1),
    "cut short": (bytes) => bytes.subarray(0, -1),
    "cut to a chunk": (bytes) => bytes.subarray(0, 1 << 20),
    grown: (bytes) => Buffer.concat([bytes, Buffer.alloc(16)]),
  };
  for (const [what, change] of Object.entries(damages)) {
    for (const sealed of [true, false]) {
      it(`${what} is found ${sealed ? "by its seal" : "without a seal"}, and leaves nothing behind`, async () => {
        const { store, digest, to, reopen } = await filled();
        if (!sealed) rmSync(store.index("seals"));
        rewrite(store.blob(digest), change);
        expect(await reopen().copy(digest, to, false)).toBe("corrupted");
        expect(existsSync(to)).toBe(false);
        expect(existsSync(store.blob(digest))).toBe(false);
        expect(existsSync(store.quarantined(digest))).toBe(true);
      });
    }
  }

  it("with a broken seal is judged by its digest, and sealed anew", async () => {
    const breaks: ((seal: Seal) => unknown)[] = [
      ([key]) => [key, "0".repeat(32)],
      ([, tag]) => ["0".repeat(32), tag],
      () => ["no key", "no tag"],
      () => null,
      () => [17, {}],
      () => 17,
    ];
    for (const broken of breaks) {
      const { store, digest, to, reopen } = await filled();
      const seal = broken(sealOf(store, digest)!);
      writeFileSync(store.index("seals"), JSON.stringify({ format: 1, entries: [[digest, seal]] }));
      const cas = reopen();
      expect(await cas.copy(digest, to, false)).toHaveProperty("ino");
      expect(readFileSync(to).equals(LARGE)).toBe(true);
      cas.save();
      const check = openSeals(store).quick(digest)!;
      check.look(LARGE);
      expect(check.holds()).toBe(true);
    }
  });

  it("is not vouched for by the seal of another", async () => {
    const { store, digest, to, reopen } = await filled();
    const other = Buffer.from(LARGE).reverse();
    const temporary = store.scratch("other");
    writeFileSync(temporary, other);
    const cas = reopen();
    const second = await cas.take(temporary, other.length);
    cas.save();
    // The blobs change places.
    for (const each of [digest, second]) chmodSync(store.blob(each), 0o644);
    writeFileSync(store.blob(digest), other);
    writeFileSync(store.blob(second), LARGE);
    expect(await reopen().copy(digest, to, false)).toBe("corrupted");
    expect(await reopen().copy(second, to, false)).toBe("corrupted");
  });
});
