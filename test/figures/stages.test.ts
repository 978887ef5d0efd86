import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DepFile, Json } from "../../src/stage.ts";
import dln from "../../stages/dln.ts";
import fig01 from "../../stages/fig01.ts";
import fig02 from "../../stages/fig02.ts";
import { fakeContext } from "../data/context.ts";
import { complaints } from "../rig/schemas.ts";
import { syntheticTables } from "./synthetic.ts";
import { FIGURE_1_PARAMS } from "./tables.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "figures-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(folder, name), "utf8"));
}

/** What is wrong with an out by its schema: nothing. */
function problems(out: string, schema: string): unknown {
  return complaints(schema, read(out));
}

async function dlnDep(params = FIGURE_1_PARAMS): Promise<Record<string, DepFile[]>> {
  await dln.run(fakeContext(folder, params));
  const path = join(folder, "dln.json");
  writeFileSync(path, readFileSync(join(folder, "table")));
  return { table: [{ path, instance: {} }] };
}

function tablesDeps(tables: object): Record<string, DepFile[]> {
  mkdirSync(join(folder, "deps"));
  return Object.fromEntries(
    Object.entries(tables).map(([name, table]) => {
      const path = join(folder, "deps", `${name}.json`);
      writeFileSync(path, JSON.stringify(table));
      return [name, [{ path, instance: {} }]];
    }),
  );
}

describe("the dln stage", () => {
  it("writes a table that satisfies its schema", async () => {
    await dlnDep();
    expect(problems("table", "dln")).toEqual([]);
  });

  it("refuses params that are no start or no learning rates", async () => {
    const wrong: readonly Json[] = [{ start: [0, 10], etas: [0.1] }, { start: [1, 2], etas: [-1] }, {}];
    for (const params of wrong) {
      await expect(dln.run(fakeContext(folder, params))).rejects.toMatchObject({ name: "StageError" });
    }
  });
});

describe("the figure stages", () => {
  it("write spec, SVG, PNG and claims: Figure 1", async () => {
    const context = fakeContext(folder, {}, await dlnDep());
    await fig01.run(context);
    expect(problems("spec", "figure")).toEqual([]);
    expect(problems("claims", "claims")).toEqual([]);
    expect(["svg", "png"].every((name) => existsSync(join(folder, name)))).toBe(true);
    expect(context.lines).toEqual(["fig01: 29 of 29 claims pass"]);
  });

  it("write spec, SVG, PNG and claims: Figure 2", async () => {
    await fig02.run(fakeContext(folder, {}, tablesDeps(syntheticTables())));
    expect(problems("spec", "figure")).toEqual([]);
    expect(problems("claims", "claims")).toEqual([]);
    expect(["svg", "png"].every((name) => existsSync(join(folder, name)))).toBe(true);
  });

  it("report a failed claim and go on", async () => {
    const { run, ...tables } = syntheticTables();
    const rows = run.rows.map((row) => ({ ...row, loss: 2 - row.epoch / 200 }));
    const context = fakeContext(folder, {}, tablesDeps({ ...tables, run: { ...run, rows } }));
    await fig02.run(context);
    expect(context.lines[0]).toMatch(
      /^claim three-instabilities: fail \(paper L peaks at epochs 41, 116 and 159, ours/,
    );
  });

  it("refuse a Figure 1 of one regime and a Figure 2 without instabilities", async () => {
    const stable = await dlnDep({ ...FIGURE_1_PARAMS, etas: [0.001, 0.002] });
    await expect(fig01.run(fakeContext(folder, {}, stable))).rejects.toMatchObject({
      name: "StageError",
      message: expect.stringMatching(/both regimes.* are stable/),
    });
    const tables = { ...syntheticTables(), instabilities: { eta: 0.05, period: 2, snapshots: [] } };
    await expect(fig02.run(fakeContext(folder, {}, tablesDeps(tables)))).rejects.toMatchObject({
      name: "StageError",
      remedy: expect.stringMatching(/figure2\.eta/),
    });
  });
});
