import { describe, expect, it } from "vitest";
import type { LandscapeRows, LandscapeTable } from "../../stages/figures/cycle-tables.ts";
import { figure3Claims, figure11Claims } from "../../stages/figures/landscape-claims.ts";
import { figure3Data, figure11Data } from "../../stages/figures/landscape-rows.ts";
import { syntheticLandscape } from "./synthetic-cycles.ts";

const failing = (table: LandscapeTable): string[] =>
  [...figure3Claims(table), ...figure11Claims(table)].flatMap(({ id, verdict }) => (verdict === "fail" ? [id] : []));

function withLines(change: (line: LandscapeRows) => LandscapeRows): LandscapeTable {
  const table = syntheticLandscape();
  return { ...table, lines: table.lines.map(change) };
}

describe("Figure 3", () => {
  it("has a panel for each key epoch, lettered, with both positions", () => {
    const { loss, sharpness } = figure3Data(syntheticLandscape());
    const panels = [...loss!, ...sharpness!].map(({ panel }) => String(panel)[0]);
    expect([...new Set(panels)]).toEqual([..."abcdefghij"]);
    expect(loss!.filter(({ kind }) => kind === "previous")).toHaveLength(5);
    expect(loss!.filter(({ kind }) => kind === "threshold")).toHaveLength(0);
  });

  it("shows an epoch that is two key epochs once, and no position beyond the line", () => {
    const { keys, ...table } = withLines((line) => ({ ...line, previous: 10 }));
    const { loss } = figure3Data({ ...table, keys: { ...keys, developed: keys.crossing } });
    expect(new Set(loss!.map(({ panel }) => panel)).size).toBe(4);
    expect(loss!.filter(({ kind }) => kind === "previous")).toHaveLength(0);
  });
});

describe("Figure 11", () => {
  it("has L, and S in units of 2/η, at every epoch of the table", () => {
    const { lines } = figure11Data(syntheticLandscape());
    const points = lines!.filter(({ kind }) => kind === "line");
    expect(points).toHaveLength(7 * 21 * 2);
    const first = points.find(({ series, offset }) => String(series).startsWith("S") && offset === 0)!;
    expect(first.value).toBeCloseTo(36 / 40, 12);
  });
});

describe("claims about landscapes", () => {
  it("hold on lines of the claimed shape", () => {
    expect(failing(syntheticLandscape())).toEqual([]);
  });

  it("fail where S falls along descent", () => {
    const mirrored = withLines((line) => ({
      ...line,
      rows: line.rows.map((row, i) => ({ ...row, sharpness: line.rows.at(-1 - i)!.sharpness })),
    }));
    expect(failing(mirrored)).toEqual(["sharpens-along-descent"]);
  });

  it("fail where steps do not grow, and where the last line is not flatter", () => {
    expect(failing(withLines((line) => ({ ...line, gradientNorm: 1 })))).toEqual(["parameters-grow"]);
    const steep = withLines((line) =>
      line.epoch === 146
        ? { ...line, rows: line.rows.map((row) => ({ ...row, sharpness: 39 + 1e5 * row.offset ** 2 })) }
        : line,
    );
    expect(failing(steep)).toEqual(["flatter-after-the-peak"]);
  });

  it("fail where the run does not come back below 2/η", () => {
    const unstable = withLines((line) => ({
      ...line,
      rows: line.rows.map((row) => ({ ...row, sharpness: row.sharpness + 10 })),
    }));
    expect(failing(unstable)).toEqual(["cycle"]);
  });

  it("fail where the curvature of L changes", () => {
    const bent = withLines((line) =>
      line.epoch === 124
        ? { ...line, rows: line.rows.map((row) => ({ ...row, loss: row.loss + 80 * row.offset ** 2 })) }
        : line,
    );
    expect(failing(bent)).toEqual(["curvature-roughly-constant"]);
  });
});
