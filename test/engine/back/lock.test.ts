import { spawnSync } from "node:child_process";
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { isBusy, lockFreed, tryLock } from "../../../src/engine/files/lock.ts";
import { openStore, type Store } from "../../../src/engine/files/store.ts";
import type { Key } from "../../../src/engine/plan/plan.ts";
import { isAlive, ownIdentity } from "../../../src/engine/system/identity.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

function setUp(): { store: Store; path: string } {
  const store = openStore(makeWorkspace().root);
  return { store, path: store.lock("abc" as Key) };
}

/** A process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

function held(store: Store, path: string, content: string): void {
  const lock = tryLock(store, path);
  if (isBusy(lock)) throw new Error("busy");
  lock.release();
  writeFileSync(path, content);
}

describe("a lock", () => {
  it("is held by one, who is named to the others, and free after release", () => {
    const { store, path } = setUp();
    const lock = tryLock(store, path);
    expect(isBusy(lock)).toBe(false);
    expect(tryLock(store, path)).toEqual({ holder: ownIdentity() });
    if (!isBusy(lock)) lock.release();
    expect(isBusy(tryLock(store, path))).toBe(false);
  });

  it("of a dead process is taken over", () => {
    const { store, path } = setUp();
    held(store, path, JSON.stringify({ ...ownIdentity(), pid: deadPid() }));
    expect(isBusy(tryLock(store, path))).toBe(false);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(ownIdentity());
  });

  it("of an earlier process with the same number is taken over", () => {
    const { store, path } = setUp();
    held(store, path, JSON.stringify({ ...ownIdentity(), start: "1" }));
    expect(isBusy(tryLock(store, path))).toBe(ownIdentity().start === "");
  });

  it("of another machine, or unreadable, is respected until it has been silent for long", () => {
    for (const content of [JSON.stringify({ host: `not-${hostname()}`, pid: 1, start: "1" }), "{ half"]) {
      const { store, path } = setUp();
      held(store, path, content);
      expect(isBusy(tryLock(store, path))).toBe(true);
      const longAgo = Date.now() / 1000 - 120;
      utimesSync(path, longAgo, longAgo);
      expect(isBusy(tryLock(store, path))).toBe(false);
    }
  });

  it("that was taken over is not released by its former holder", () => {
    const { store, path } = setUp();
    const lock = tryLock(store, path);
    const other = JSON.stringify({ host: "elsewhere", pid: 1, start: "1" });
    writeFileSync(path, other);
    if (!isBusy(lock)) lock.release();
    expect(readFileSync(path, "utf8")).toBe(other);
  });

  it("can be waited for", async () => {
    const { store, path } = setUp();
    const lock = tryLock(store, path);
    const order: string[] = [];
    const waiting = lockFreed(path, new AbortController().signal).then(() => order.push("freed"));
    setImmediate(() => {
      order.push("release");
      if (!isBusy(lock)) lock.release();
    });
    await waiting;
    expect(order).toEqual(["release", "freed"]);
  });

  it("need not be waited for once the run is interrupted", async () => {
    const { store, path } = setUp();
    tryLock(store, path);
    const controller = new AbortController();
    const waiting = lockFreed(path, controller.signal);
    controller.abort();
    await waiting;
    expect(isBusy(tryLock(store, path))).toBe(true);
  });
});

describe("a process", () => {
  it("is alive or not, and unknown on another machine", () => {
    expect(isAlive(ownIdentity())).toBe(true);
    expect(isAlive({ ...ownIdentity(), pid: deadPid() })).toBe(false);
    expect(isAlive({ ...ownIdentity(), host: "elsewhere" })).toBe(undefined);
  });
});
