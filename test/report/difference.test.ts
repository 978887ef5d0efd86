import { describe, expect, it } from "vitest";
import { differenceOf } from "../../src/report/difference.ts";
import { byWeight, changedLeaves, groupLeaves, relativeText } from "../../src/report/metrics.ts";
import type { Snapshot } from "../../src/report/snapshot.ts";
import { CLAIMS } from "./fixture.ts";

/** Contents stand for themselves; `lost: …` is in no cache. */
function snapshot(files: Readonly<Record<string, string>>, stale = false): Snapshot {
  return new Map(Object.entries(files).map(([path, content]) => [path, { path, instance: path, content, stale }]));
}
const compare = (before: Snapshot, after: Snapshot) =>
  differenceOf("artifacts", before, after, ({ content }) =>
    content.startsWith("lost") ? undefined : Buffer.from(content),
  );

const claims = (change: object): string =>
  JSON.stringify({
    ...CLAIMS,
    claims: CLAIMS.claims.map((claim, index) => (index === 0 ? { ...claim, ...change } : claim)),
  });

describe("a difference of results", () => {
  it("is nothing between a state and itself", () => {
    const state = snapshot({
      "artifacts/claims/fig01.json": claims({}),
      "artifacts/figures/fig01.svg": "<svg/>",
      "artifacts/a.json": "{}",
      "artifacts/t.safetensors": "x",
    });
    expect(compare(state, state)).toEqual({
      claims: [],
      sameClaims: 3,
      figures: [{ name: "fig01", change: "same", before: undefined, after: undefined }],
      tables: [{ path: "artifacts/a.json", change: "same", leaves: [] }],
      others: [{ path: "artifacts/t.safetensors", change: "same" }],
      missing: [],
      stale: [],
    });
  });

  it("tells claims by what they came to, not by their words", () => {
    const path = "artifacts/claims/fig01.json";
    expect(
      compare(snapshot({ [path]: claims({}) }), snapshot({ [path]: claims({ statement: "Other words." }) })).claims,
    ).toEqual([]);
    const { claims: changed, sameClaims } = compare(
      snapshot({ [path]: claims({}) }),
      snapshot({ [path]: claims({ verdict: "fail", ours: 2 }) }),
    );
    expect(sameClaims).toBe(2);
    expect(changed).toMatchObject([
      { figure: "fig01", id: "a", before: { verdict: "pass" }, after: { verdict: "fail", ours: 2 } },
    ]);
    expect(compare(snapshot({}), snapshot({ [path]: claims({}) })).claims.map(({ before }) => before)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("tells what is new, gone, changed, stale, and in no cache", () => {
    const before = snapshot({
      "artifacts/figures/a.svg": "1",
      "artifacts/figures/b.svg": "lost 1",
      "artifacts/gone.json": "{}",
      "artifacts/t.json": '{"a": 1}',
      "artifacts/u.json": "lost 2",
    });
    const after = snapshot(
      {
        "artifacts/figures/a.svg": "2",
        "artifacts/figures/b.svg": "2",
        "artifacts/new.bin": "x",
        "artifacts/t.json": '{"a": 2}',
        "artifacts/u.json": "{}",
      },
      true,
    );
    const { figures, tables, others, missing, stale } = compare(before, after);
    expect(figures).toEqual([
      { name: "a", change: "changed", before: "1", after: "2" },
      { name: "b", change: "changed", before: undefined, after: "2" },
    ]);
    expect(tables).toEqual([
      { path: "artifacts/gone.json", change: "gone", leaves: [] },
      { path: "artifacts/t.json", change: "changed", leaves: [{ path: "$.a", before: 1, after: 2 }] },
      { path: "artifacts/u.json", change: "unreadable", leaves: [] },
    ]);
    expect(others).toEqual([{ path: "artifacts/new.bin", change: "new" }]);
    expect(missing.map(({ content }) => content)).toEqual(["lost 1", "lost 2"]);
    expect(stale).toHaveLength(5);
  });
});

describe("changed numbers", () => {
  it("come with single values first, then by how much they changed, rows that came or went last", () => {
    const changes = changedLeaves("$", { eta: 1, rows: [1, 2, 3] }, { eta: 1.5, rows: [1.001, 4], note: "x" });
    expect([...changes].sort(byWeight).map(({ path }) => path)).toEqual([
      "$.eta",
      "$.note",
      "$.rows[1]",
      "$.rows[0]",
      "$.rows[2]",
    ]);
  });

  it("are told together where they differ in list indices alone, by the one that changed the most", () => {
    const changes = changedLeaves(
      "$",
      {
        rows: [
          { a: 1, b: 1 },
          { a: 1, b: 1 },
        ],
      },
      {
        rows: [
          { a: 2, b: 1 },
          { a: 3, b: 0.5 },
        ],
      },
    );
    expect(groupLeaves(changes)).toEqual([
      { most: { path: "$.rows[1].a", before: 1, after: 3 }, count: 2 },
      { most: { path: "$.rows[1].b", before: 1, after: 0.5 }, count: 1 },
    ]);
  });

  it("are told relative to what they were, where that means something", () => {
    expect(relativeText({ path: "a", before: 2, after: 1 })).toBe("−50 %");
    expect(relativeText({ path: "a", before: -2, after: -1 })).toBe("+50 %");
    expect(relativeText({ path: "a", before: 100, after: 101.25 })).toBe("+1.3 %");
    expect(relativeText({ path: "a", before: -2, after: -81 })).toBe("×41");
    expect(relativeText({ path: "a", before: 0, after: 1 })).toBeUndefined();
    expect(relativeText({ path: "a", before: "x", after: 1 })).toBeUndefined();
  });
});
