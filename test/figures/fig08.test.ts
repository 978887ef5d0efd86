import { describe, expect, it } from "vitest";
import { figure8Data } from "../../stages/figures/fig08.ts";
import { figure8Claims } from "../../stages/figures/fig08-claims.ts";
import { syntheticPeriods } from "./synthetic-cycles.ts";

const verdicts = (table = syntheticPeriods()): string[] => figure8Claims(table).map(({ verdict }) => verdict);

describe("Figure 8", () => {
  it("draws even periods above odd ones, lettered in reading order", () => {
    const { even, odd } = figure8Data(syntheticPeriods());
    const seen = (rows: typeof even, name: string): unknown[] => [...new Set(rows!.map((row) => row[name]))];
    expect(seen(even, "series")).toEqual([undefined, "T = 2", "T = 4"]);
    expect(seen(odd, "series")).toEqual([undefined, "T = 1", "T = 3"]);
    const panels = [...seen(even, "panel"), ...seen(odd, "panel")].map((panel) => String(panel)[0]);
    expect(panels).toEqual(["a", "b", "c", "d"]);
  });

  it("claims hold where the sides of the valley differ", () => {
    expect(verdicts()).toEqual(["pass", "pass", "pass"]);
  });

  it("the claims about odd periods fail where both sides look alike", () => {
    expect(verdicts(syntheticPeriods(0))).toEqual(["pass", "fail", "fail"]);
  });

  it("says that smoothness is not testable without odd and even periods", () => {
    expect(verdicts(syntheticPeriods(0.15, [1, 3])).slice(0, 2)).toEqual(["not-testable", "not-testable"]);
  });
});
