import { describe, expect, it } from "vitest";
import { type Figure9Tables, figure9Data } from "../../stages/figures/fig09.ts";
import { figure9Claims } from "../../stages/figures/fig09-claims.ts";
import { syntheticTables } from "./synthetic.ts";
import { syntheticSharpening } from "./synthetic-cycles.ts";

const PEAKS = [41, 116, 159];
const tables = (peaks: readonly number[] = PEAKS, sign = 1): Figure9Tables => ({
  ...syntheticTables(),
  sharpening: syntheticSharpening(peaks, sign),
});
const failing = (of: Figure9Tables): string[] =>
  figure9Claims(of).flatMap(({ id, verdict }) => (verdict === "pass" ? [] : [`${id}: ${verdict}`]));

describe("Figure 9", () => {
  it("shades a phase of growth before each peak and draws no oscillation at the run's ends", () => {
    const { growing, oscillation } = figure9Data(tables());
    for (const peak of PEAKS)
      expect(growing!.some(({ from, to }) => (from as number) < peak && Math.abs((to as number) - peak) <= 1)).toBe(
        true,
      );
    expect(oscillation!.length).toBe(179);
  });

  it("claims hold for a run of the claimed shape", () => {
    expect(failing(tables())).toEqual([]);
  });

  it("peaks that are elsewhere do not coincide", () => {
    expect(failing(tables(PEAKS.map((peak) => peak + 12)))).toContain("peaks-coincide: fail");
  });

  it("positive α above 2/η fails", () => {
    expect(failing(tables(PEAKS, -1))).toEqual(["alpha-negative-above: fail"]);
  });

  it("is not testable above where S stays below 2/η", () => {
    const { sharpening, ...rest } = tables();
    expect(failing({ ...rest, sharpening: { ...sharpening, threshold: 1000 } })).toContain(
      "alpha-negative-above: not-testable",
    );
  });
});
