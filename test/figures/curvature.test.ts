import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Stage } from "../../src/stage.ts";
import figConvergence from "../../stages/fig-convergence.ts";
import figDensity from "../../stages/fig-density.ts";
import figLayers from "../../stages/fig-layers.ts";
import { convergenceData } from "../../stages/figures/convergence.ts";
import { densityData } from "../../stages/figures/density.ts";
import { layersData } from "../../stages/figures/layers.ts";
import { fakeContext } from "../data/context.ts";
import { complaints } from "../rig/schemas.ts";
import { readJson } from "../stages/context.ts";
import {
  OUTLIERS,
  PARAMETERS,
  spectrumOf,
  syntheticConvergence,
  syntheticDensity,
  syntheticLayers,
  syntheticTrace,
} from "./synthetic-curvature.ts";

const densityTables = async () => ({ density: await syntheticDensity(), trace: syntheticTrace() });
const WIDTH = 0.4;

describe("density", () => {
  it("draws a curve of integral 1 for each moment, with the outliers as eigenvalues", async () => {
    const { spectrum } = densityData(await densityTables(), WIDTH);
    const moments = [...new Set(spectrum!.map(({ moment }) => moment))];
    expect(moments).toHaveLength(5);
    expect(moments[2]).toBe("epoch 41, at the peak of its loss");
    for (const [i, role] of (["initial", "before", "peak", "after", "last"] as const).entries()) {
      const rows = spectrum!.filter(({ order }) => order === i);
      const curve = rows.filter(({ kind }) => kind === "density");
      // By trapezia; all but what lies below the floor, three tenths of the peak of one eigenvalue among 204.
      const floor = Math.min(...curve.map((row) => row.density as number));
      const at = curve.map((row) => row.eigenvalue as number);
      const total = curve.slice(1).reduce((sum, row, j) => {
        const mean = ((row.density as number) + (curve[j]!.density as number)) / 2;
        return sum + (mean - floor) * (at[j + 1]! - at[j]!);
      }, 0);
      const lost = floor * (at.at(-1)! - at[0]!);
      expect(Math.abs(total + lost / 2 - 1)).toBeLessThan(lost / 2 + 1e-3);
      for (const row of curve) {
        expect(row.low as number).toBeLessThanOrEqual(row.density as number);
        expect(row.high as number).toBeGreaterThanOrEqual(row.density as number);
      }
      const drawn = rows.filter(({ kind }) => kind === "eigenvalue").map(({ eigenvalue }) => eigenvalue as number);
      for (const outlier of OUTLIERS[role])
        expect(Math.min(...drawn.map((value) => Math.abs(value - outlier)))).toBeLessThan(1e-3);
    }
  });

  it("has the quadrature's trace within five of its errors", async () => {
    const { quadrature } = densityData(await densityTables(), WIDTH);
    quadrature!.forEach(({ trace, high }, i) => {
      const exact = spectrumOf((["initial", "before", "peak", "after", "last"] as const)[i]!).reduce(
        (a, b) => a + b,
        0,
      );
      // Three probes know their error to within a factor of a few.
      expect(Math.abs((trace as number) - exact)).toBeLessThan(
        0.1 * PARAMETERS * 0.1 + 5 * ((high as number) - (trace as number)),
      );
    });
  });
});

describe("layers", () => {
  it("has each layer's share where the whole network's sharpness is known", () => {
    const { shares, layers: rows } = layersData(syntheticLayers());
    expect(rows).toHaveLength(63);
    expect(shares).toHaveLength(63);
    for (const { layer, share } of shares!)
      expect(share as number).toBeCloseTo(
        { "dense1 (100)": 0.5, "dense2 (90)": 0.3, "dense3 (80)": 0.1 }[layer as string]!,
        12,
      );
  });
});

describe("convergence", () => {
  it("says what each stage's solves came to, and compares warm with cold after the first", () => {
    const { stages, means, cold } = convergenceData(syntheticConvergence());
    expect(stages!.map(({ outcome, label }) => [outcome, label])).toEqual([
      ["converged", "100 solves, all converged, 12.7 products each; k = 3, tolerance 0.0001"],
      ["not all", "100 solves, 12.7 products each; k = 3, tolerance 0.0001; 2 not converged; 1 at a θ that diverged"],
      ["converged", "none to solve"],
    ]);
    expect(stages![1]!.ratio).toBeCloseTo(200, 9);
    expect(cold!.map(({ epoch }) => epoch)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(means).toEqual([{ label: "where both were solved: 14.0 cold (diamonds), 12.0 warm (line)" }]);
  });
});

describe("the pictures", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "curvature-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const STAGES: readonly (readonly [string, Stage, object, () => Promise<Readonly<Record<string, object>>>])[] = [
    ["density", figDensity, { width: WIDTH }, densityTables],
    ["layers", figLayers, {}, async () => ({ ...syntheticLayers() })],
    ["convergence", figConvergence, {}, async () => ({ table: syntheticConvergence() })],
    [
      "convergence without a trajectory",
      figConvergence,
      {},
      async () => ({ table: { ...syntheticConvergence(), trajectory: [] } }),
    ],
  ];
  it.each(STAGES)("%s: spec, SVG and PNG, with title and caption, and no claims", async (_, stage, params, tables) => {
    const deps = Object.fromEntries(
      Object.entries(await tables()).map(([name, table]) => {
        const path = join(folder, `${name}.json`);
        writeFileSync(path, JSON.stringify(table));
        return [name, [{ path, instance: {} }]];
      }),
    );
    await stage.run(fakeContext(folder, { ...params }, deps));
    const spec = readJson<{ readonly usermeta: { readonly title: string; readonly caption: string } }>(
      join(folder, "spec"),
    );
    expect(complaints("figure", spec)).toEqual([]);
    expect(spec.usermeta.title.length).toBeGreaterThan(10);
    expect(spec.usermeta.caption).toMatch(/^Beyond the paper\. /);
    expect(["svg", "png"].every((out) => existsSync(join(folder, out)))).toBe(true);
    expect(existsSync(join(folder, "claims"))).toBe(false);
  });
});
