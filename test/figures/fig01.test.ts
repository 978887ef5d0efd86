import { beforeAll, describe, expect, it } from "vitest";
import { eigenpairs } from "../../src/numerics/dln.ts";
import type { DlnTable } from "../../stages/figures/dln-table.ts";
import { figure1Data, MAGNIFICATION, PANEL } from "../../stages/figures/fig01.ts";
import fig01 from "../../stages/figures/fig01.vl.json" with { type: "json" };
import { figure1Claims } from "../../stages/figures/fig01-claims.ts";
import { dlnTable } from "./tables.ts";

let table: DlnTable;
beforeAll(async () => {
  table = await dlnTable();
});

const numbers = (row: Readonly<Record<string, unknown>>): Record<string, number> => row as Record<string, number>;

describe("Figure 1's data", () => {
  it("has contours on which L is constant, and their bands reach the window's edge", () => {
    for (const name of ["wholeContours", "cornerContours"]) {
      for (const row of figure1Data(table)[name]!) {
        const { theta1, theta2, edge } = numbers(row);
        const level = Number(String(row.branch).split(" ")[0]);
        if (theta1 === edge) expect((theta1! * theta2!) ** 2).toBeLessThanOrEqual(level * (1 + 1e-12));
        else expect((theta1! * theta2!) ** 2 / level).toBeCloseTo(1, 12);
        expect(Math.abs(theta1!)).toBeLessThanOrEqual(Math.abs(edge!));
      }
    }
  });

  it("has vectors of 15 px in v₁'s direction, its vertical part magnified", () => {
    const data = figure1Data(table);
    for (const [part, magnification] of Object.entries(MAGNIFICATION)) {
      const contours = data[`${part}Contours`]!.map(numbers);
      const span = (key: string): number =>
        Math.max(...contours.map((row) => row[key]!)) - Math.min(...contours.map((row) => row[key]!));
      const [perX, perY] = [PANEL.width / span("edge"), PANEL.height / span("theta2")];
      for (const row of data[`${part}Field`]!) {
        const { x, y, x2, y2 } = numbers(row);
        const [dx, dy] = [(x2! - x!) * perX, (y2! - y!) * perY];
        expect(Math.hypot(dx, dy)).toBeCloseTo(15, 9);
        const [u1, u2] = eigenpairs([(x! + x2!) / 2, (y! + y2!) / 2]).vectors[0]!;
        expect(dy / dx).toBeCloseTo((magnification * u2!) / u1!, 6);
      }
    }
  });

  it("is drawn in panels of the size that its vectors were made for", () => {
    for (const { width, height } of fig01.concat) expect({ width, height }).toEqual(PANEL);
    const titles = fig01.concat.map(({ title }) => title).join();
    for (const magnification of Object.values(MAGNIFICATION)) expect(titles).toContain(`vertical × ${magnification})`);
  });

  it("keeps every trajectory inside its window", () => {
    const data = figure1Data(table);
    for (const part of ["whole", "corner"]) {
      const contours = data[`${part}Contours`]!.map(numbers);
      const reach = Math.max(...contours.map(({ edge }) => edge!));
      const heights = contours.map(({ theta2 }) => theta2!);
      for (const row of data[`${part}Trajectories`]!.map(numbers)) {
        expect(Math.abs(row.theta1!)).toBeLessThan(reach);
        expect(row.theta2).toBeGreaterThan(Math.min(...heights));
        expect(row.theta2).toBeLessThan(Math.max(...heights));
      }
    }
  });
});

describe("Figure 1's claims", () => {
  it("all pass on the paper's trajectories", () => {
    const claims = figure1Claims(table);
    expect(claims.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    expect(claims).toHaveLength(6 + 3 + 5 * 4);
  });

  it("fail where the trajectory is another", () => {
    const [first, ...rest] = table.trajectories;
    const falling = first!.rows.map((row) => (row.step === 3 ? { ...row, alignment: 51 } : row));
    const tampered = {
      ...table,
      trajectories: [{ ...first!, rows: falling, alignmentRises: false, finalSharpness: 199.9778 }, ...rest],
    };
    const failed = figure1Claims(tampered).filter(({ verdict }) => verdict === "fail");
    expect(failed.map(({ id }) => id)).toEqual(["stable-aligns", "final-sharpness@eta=0.001"]);
  });

  it("about an unstable trajectory fail where R₂ does not return at once", () => {
    const trajectories = table.trajectories.map((trajectory) => {
      if (trajectory.eta !== 0.013) return trajectory;
      const rows = trajectory.rows.map((row) => (row.step === 12 ? { ...row, alignment: 3 } : row));
      return { ...trajectory, rows };
    });
    const failed = figure1Claims({ ...table, trajectories }).filter(({ verdict }) => verdict === "fail");
    expect(failed.map(({ id }) => id)).toEqual(["unstable-turns-away-and-returns"]);
  });

  it("are not testable for a start or learning rates that the paper does not show", async () => {
    const other = figure1Claims(await dlnTable({ start: [-0.2, 9], etas: [0.001, 0.013] }));
    const numeric = other.filter(({ id }) => id.includes("@") || id.endsWith("at-start") || id === "edge-of-stability");
    expect(new Set(numeric.map(({ verdict }) => verdict))).toEqual(new Set(["not-testable"]));
    const fewer = figure1Claims(await dlnTable({ start: [-0.1, 10], etas: [0.001, 0.013] }));
    const verdicts = Object.fromEntries(fewer.map(({ id, verdict }) => [id, verdict]));
    expect(verdicts).toMatchObject({ "gamma-beta@eta=0.001": "pass", "gamma-beta@eta=0.011": "not-testable" });
  });
});
