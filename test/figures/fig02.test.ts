import { describe, expect, it } from "vitest";
import { figure2Data } from "../../stages/figures/fig02.ts";
import { figure2Claims } from "../../stages/figures/fig02-claims.ts";
import type { Figure2Tables } from "../../stages/figures/mlp-tables.ts";
import { syntheticTables } from "./synthetic.ts";

const failing = (tables: Figure2Tables): string[] =>
  figure2Claims(tables)
    .filter(({ verdict }) => verdict === "fail")
    .map(({ id }) => id);

describe("Figure 2's data", () => {
  it("has each series once per epoch and panel, and ends after the last snapshot", () => {
    const tables = syntheticTables();
    const data = figure2Data(tables);
    for (const name of ["rotations", "reductions"]) {
      const keys = data[name]!.map(({ panel, kind, series, epoch }) => [panel, kind, series, epoch].join());
      expect(new Set(keys).size).toBe(keys.length);
    }
    const end = Math.max(...tables.instabilities.snapshots.map((snapshot) => snapshot.end));
    expect(Math.max(...data.loss!.map(({ epoch }) => epoch as number))).toBe(end + 10);
  });

  it("letters its panels in reading order", () => {
    const { rotations, reductions } = figure2Data(syntheticTables());
    const letters = [...rotations!, ...reductions!].map(({ panel }) => String(panel)[0]);
    expect([...new Set(letters)]).toEqual(["c", "d", "e", "f", "g", "h"]);
  });
});

describe("Figure 2's claims", () => {
  it("pass on tables of the claimed shape", () => {
    const claims = figure2Claims(syntheticTables());
    expect(claims.map(({ id, verdict }) => `${id}: ${verdict}`)).toEqual(claims.map(({ id }) => `${id}: pass`));
  });

  it("about the edge fail for a run that stays below 2/η", () => {
    const { sharpness, ...tables } = syntheticTables();
    const rows = sharpness.rows.map(({ values, ...row }) => ({ ...row, values: values.map((value) => value / 5) }));
    expect(failing({ ...tables, sharpness: { ...sharpness, rows } })).toEqual([
      "progressive-sharpening",
      "edge-of-stability",
      "unstable-during-snapshots",
    ]);
  });

  it("about the instabilities fail where the loss does not climb", () => {
    const { run, ...tables } = syntheticTables();
    const rows = run.rows.map((row) => ({ ...row, loss: 2 - row.epoch / 200 }));
    expect(failing({ ...tables, run: { ...run, rows } })).toEqual(["three-instabilities"]);
  });

  it("about rotations fail where nothing rotates, or all at once", () => {
    const { similarity, ...tables } = syntheticTables();
    const withSubspace = (of: (epoch: number, baseline: number, peak: number) => number): Figure2Tables => ({
      ...tables,
      similarity: {
        ...similarity,
        snapshots: similarity.snapshots.map(({ rows, ...snapshot }) => ({
          ...snapshot,
          rows: rows.map((row) => ({ ...row, subspace: of(row.epoch, snapshot.baseline, snapshot.peak) })),
        })),
      },
    });
    const still = failing(withSubspace((epoch, baseline) => 0.99 + 0.0001 * (epoch - baseline)));
    expect(still).toEqual(["rotate-away", "gradual-and-monotone"]);
    // Back and forth on the way, and gone at the end.
    const sudden = failing(withSubspace((epoch, _, peak) => (epoch >= peak - 1 ? 0.6 : 0.9 + 0.05 * Math.sin(epoch))));
    expect(sudden).toContain("gradual-and-monotone");
  });

  it("about single eigenvectors fail where the subspace loses more", () => {
    const { similarity, ...tables } = syntheticTables();
    const snapshots = similarity.snapshots.map(({ rows, ...snapshot }) => ({
      ...snapshot,
      rows: rows.map((row) => ({ ...row, individual: row.individual.map(() => 1) })),
    }));
    expect(failing({ ...tables, similarity: { ...similarity, snapshots } })).toEqual(["individual-below-subspace"]);
  });

  it("about reductions fail where the rotation goes on, and are not testable without any", () => {
    const { interventions, ...tables } = syntheticTables();
    const worse = interventions.interventions.map(({ rows, ...intervention }) => ({
      ...intervention,
      rows: rows.map((row, i) => ({ ...row, subspace: Math.min(rows[0]!.subspace, 0.8) - 0.1 * i })),
    }));
    expect(failing({ ...tables, interventions: { ...interventions, interventions: worse } })).toEqual([
      "reduction-reverses-at-once",
      "reduction-keeps-orientation",
    ]);
    const none = figure2Claims({ ...tables, interventions: { ...interventions, interventions: [] } });
    expect(none.filter(({ verdict }) => verdict === "not-testable").map(({ id }) => id)).toEqual([
      "reduction-reverses-at-once",
      "reduction-keeps-orientation",
    ]);
  });
});
