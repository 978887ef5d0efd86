import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Digest, Key } from "../../src/engine/plan/plan.ts";
import {
  type LockEntry,
  type PipelineLock,
  parsePipelineLock,
  serialisePipelineLock,
} from "../../src/engine/run/pipeline-lock.ts";
import { makeWorkspace } from "../rig/workspace.ts";

const digest = (n: number): string => n.toString(16).padStart(64, "0");
const entryOf = (n: number, platform?: LockEntry["platform"]): LockEntry => ({
  key: digest(n) as Key,
  study: digest(n + 1) as Digest,
  platform,
  outs: { run: digest(n + 2), table: `${digest(n + 3)}+x` },
});
const lockOf = (entries: Readonly<Record<string, LockEntry>>): PipelineLock =>
  new Map(Object.entries(entries)) as unknown as PipelineLock;

describe("pipeline.lock", () => {
  it("is read back as it was written, whatever names and platforms hold", () => {
    const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
    const entry = fc.record({
      key: hex,
      study: hex,
      platform: fc.option(fc.dictionary(fc.string(), fc.jsonValue()), { nil: undefined }),
      outs: fc.dictionary(fc.stringMatching(/^[A-Za-z][\w-]*$/), hex),
    });
    fc.assert(
      fc.property(fc.dictionary(fc.string(), entry), (entries) => {
        const lock = lockOf(entries as unknown as Record<string, LockEntry>);
        const text = serialisePipelineLock(lock);
        const read = parsePipelineLock(text);
        if (typeof read === "string") throw new Error(`${read}\n${text}`);
        // The same results are the same bytes.
        expect(serialisePipelineLock(read)).toBe(text);
        expect([...read.keys()].sort()).toEqual([...lock.keys()].sort());
      }),
      { numRuns: 200 },
    );
  });

  it("is sorted by code unit, and has one field a line", () => {
    const text = serialisePipelineLock(lockOf({ "b@n=10": entryOf(1), "b@n=2": entryOf(2), B: entryOf(3, { a: 1 }) }));
    expect([...text.matchAll(/^ {2}"(.*)":$/gm)].map((match) => match[1])).toEqual(["B", "b@n=10", "b@n=2"]);
    expect(text).toContain('    platform: {"a":1}\n');
  });

  it("is merged by git when two branches change neighbours, add and remove", ({ skip }) => {
    if (spawnSync("git", ["--version"]).status !== 0) skip("git is not installed");
    const base = { a: entryOf(10), b: entryOf(20), c: entryOf(30), d: entryOf(40) };
    const { d: _, ...left } = base;
    const ours = { ...base, a: entryOf(11), "a@new": entryOf(50) };
    const theirs = { ...left, b: entryOf(21), c: entryOf(31) };
    const files = { base, ours, theirs };
    const workspace = makeWorkspace(
      Object.fromEntries(Object.entries(files).map(([name, lock]) => [name, serialisePipelineLock(lockOf(lock))])),
    );
    const merge = spawnSync("git", ["merge-file", "-p", "ours", "base", "theirs"], {
      cwd: workspace.root,
      encoding: "utf8",
    });
    const expected = { a: ours.a, "a@new": ours["a@new"], b: theirs.b, c: theirs.c };
    expect(merge.stdout).toBe(serialisePipelineLock(lockOf(expected)));
    expect(merge.status).toBe(0);
  });
});
