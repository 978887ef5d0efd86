import { describe, expect, it } from "vitest";
import type { UnstableTable } from "../../stages/figures/cycle-tables.ts";
import { figure10Columns, figure10Data } from "../../stages/figures/fig10.ts";
import { figure10Claims } from "../../stages/figures/fig10-claims.ts";
import { syntheticUnstable } from "./synthetic-cycles.ts";

const verdicts = (tables: readonly UnstableTable[], wanted: string): string[] =>
  figure10Claims(tables).flatMap(({ id, verdict }) => (verdict === wanted ? [id] : []));

/** The tables with S of one update replaced. */
function changed(update: UnstableTable["update"], sharpness: (t: number) => number): UnstableTable[] {
  return syntheticUnstable().map((table) =>
    table.update === update
      ? { ...table, rows: table.rows.map((row, t) => ({ ...row, values: [sharpness(t), 10, 5] })) }
      : table,
  );
}

describe("Figure 10", () => {
  it("has a row of panels for each snapshot, gradient flow in all of them", () => {
    const { unstable } = figure10Data(syntheticUnstable());
    const panels = [...new Set(unstable!.map(({ panel }) => String(panel)))];
    expect(panels.map((panel) => panel[0])).toEqual([..."abcdefghij"]);
    expect(figure10Columns(syntheticUnstable())).toBe(5);
    for (const panel of panels)
      expect(unstable!.filter((row) => row.panel === panel && row.kind === "flow")).toHaveLength(31);
  });

  it("leaves out what was not run", () => {
    const frozen = syntheticUnstable().filter(({ update }) => update === "frozen");
    expect(new Set(figure10Data(frozen).unstable!.map(({ kind }) => kind))).toEqual(
      new Set(["threshold", "sharpness", "eigenvalue"]),
    );
    expect(verdicts(frozen, "not-testable")).toEqual([
      "frozen-follows-the-flow",
      "reduced-follows-the-flow",
      "plain-is-unstable",
      "sharpest-oscillates",
      "unstable-only-changes-the-run",
    ]);
  });

  it("claims hold for runs of the claimed shape", () => {
    expect(verdicts(syntheticUnstable(), "pass")).toHaveLength(7);
  });

  it("claims about ηᵤ = 0 fail where S spikes", () => {
    const spiky = changed("frozen", (t) => 40 + 2 * t + 30 * (t % 2));
    expect(verdicts(spiky, "fail")).toEqual(["frozen-grows-smoothly", "frozen-follows-the-flow"]);
  });

  it("claims about ηᵤ = 1/S fail where S leaves the flow", () => {
    expect(
      verdicts(
        changed("reduced", () => 40),
        "fail",
      ),
    ).toEqual(["reduced-follows-the-flow"]);
  });

  it("claims about steps along sharp directions fail where S grows as in the flow", () => {
    const flow = (t: number): number => 36 + 60 * (1 - Math.exp(-t / 20));
    expect(verdicts(changed("sharpest", flow), "fail")).toEqual(["sharpest-oscillates"]);
    expect(verdicts(changed("only", flow), "fail")).toEqual(["unstable-only-changes-the-run"]);
  });
});
