import { describe, expect, it } from "vitest";
import { type PrecisionTables, partingOf, precisionData } from "../../stages/figures/precision.ts";
import { precisionClaims } from "../../stages/figures/precision-claims.ts";
import { syntheticTables } from "./synthetic.ts";

/** Rounding's distance at first, from epoch 90 on a hundredth: parted. The float64 run is the float32 one, but for `shift`. */
function tables({ shift = 0, compared = "f32" as const, used = "onnx:cpu" } = {}): PrecisionTables {
  const single = syntheticTables();
  const rows = single.run.rows.map(({ loss, ...row }) => ({ ...row, loss: loss! * (1 + shift) }));
  return {
    single,
    double: { ...single, run: { ...single.run, rows } },
    paths: {
      eta: 0.05,
      seed: 0,
      compared,
      device: { wanted: "onnx:webgpu", used },
      rows: Array.from({ length: 201 }, (_, epoch) => ({ epoch, distance: epoch < 90 ? 1e-8 * epoch : 0.01 })),
    },
    parted: 1e-3,
  };
}

const verdicts = (of: PrecisionTables): Record<string, string> =>
  Object.fromEntries(precisionClaims(of).map(({ id, verdict }) => [id, verdict]));

describe("precision", () => {
  it("finds the epoch from which on the paths stay apart, if there is one", () => {
    const { paths, ...rest } = tables();
    expect(partingOf({ paths, ...rest })).toBe(90);
    expect(partingOf({ paths, parted: 0.1 })).toBeUndefined();
    const touching = paths.rows.map((row) => (row.epoch === 120 ? { ...row, distance: 0 } : row));
    expect(partingOf({ paths: { ...paths, rows: touching }, parted: 1e-3 })).toBe(121);
  });

  it("draws both paths, and no distance of nothing on its logarithmic axis", () => {
    const data = precisionData(tables());
    expect([...new Set(data.loss!.map(({ path }) => path))]).toEqual(["float32", "float64"]);
    expect(data.paths!.every(({ distance }) => (distance as number) > 0)).toBe(true);
    expect(data.parted).toEqual([{ epoch: 90, label: "parted at epoch 90" }]);
    expect(precisionData({ ...tables(), parted: 1 }).parted).toEqual([]);
  });

  it("asks Figure 2's claims of the float64 path, with the float32 path's answers beside them", () => {
    const claims = precisionClaims(tables());
    expect(claims.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    const repeated = claims.filter(({ id }) => id.startsWith("float64-"));
    expect(repeated.length).toBe(9);
    for (const { note } of repeated) expect(note).toMatch(/^float32: .* \(pass\)$/);
    // The device that has no float64 is named.
    expect(claims[0]!.note).toContain("onnx:webgpu computes in float32 alone");
  });

  it("fails where the paths differ before they part, part at once, or part by more than rounding while stable", () => {
    expect(verdicts(tables({ shift: 0.2 }))).toMatchObject({ "same-until-parted": "fail" });
    const early = tables();
    const paths = { ...early.paths, rows: early.paths.rows.map((row) => ({ ...row, distance: row.epoch && 0.01 })) };
    expect(verdicts({ ...early, paths })).toMatchObject({ paths: "fail", "rounding-while-stable": "fail" });
  });

  it("does not call paths parted after the instability that are together at the end", () => {
    const claim = precisionClaims({ ...tables(), parted: 0.1 }).find(({ id }) => id === "paths");
    expect(claim).toMatchObject({ verdict: "not-testable", ours: null });
    expect(claim!.note).toContain("Not parted by epoch 200");
  });

  it("says nothing where there is no float32 path, or no instability in float64", () => {
    const reference = tables();
    expect(verdicts({ ...reference, paths: { ...reference.paths, compared: "f64" } }).paths).toBe("not-testable");
    const { double } = reference;
    const calm = {
      ...double,
      instabilities: { ...double.instabilities, snapshots: [] },
      similarity: { ...double.similarity, snapshots: [] },
      interventions: { ...double.interventions, interventions: [] },
    };
    const found = verdicts({ ...reference, double: calm });
    expect(found).toMatchObject({
      "float64-three-instabilities": "fail",
      "float64-unstable-during-snapshots": "not-testable",
      "float64-rotate-away": "not-testable",
      "float64-gradual-and-monotone": "not-testable",
      "float64-individual-below-subspace": "not-testable",
      "float64-reduction-reverses-at-once": "not-testable",
    });
  });
});
