import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { DepFile, Stage } from "../../src/stage.ts";
import fig03 from "../../stages/fig03.ts";
import fig08 from "../../stages/fig08.ts";
import fig09 from "../../stages/fig09.ts";
import fig10 from "../../stages/fig10.ts";
import fig11 from "../../stages/fig11.ts";
import { fakeContext } from "../data/context.ts";
import { complaints } from "../rig/schemas.ts";
import { readJson } from "../stages/context.ts";
import { syntheticTables } from "./synthetic.ts";
import { syntheticLandscape, syntheticPeriods, syntheticSharpening, syntheticUnstable } from "./synthetic-cycles.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "figures-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const { run, instabilities } = syntheticTables();
const STAGES: readonly (readonly [string, Stage, Readonly<Record<string, readonly object[]>>])[] = [
  ["fig03", fig03, { landscape: [syntheticLandscape()] }],
  ["fig08", fig08, { periods: [syntheticPeriods()] }],
  ["fig09", fig09, { run: [run], sharpening: [syntheticSharpening([41, 116, 159])], instabilities: [instabilities] }],
  ["fig10", fig10, { runs: syntheticUnstable() }],
  ["fig11", fig11, { landscape: [syntheticLandscape()] }],
];

it.each(STAGES)("%s writes spec, SVG, PNG and claims that satisfy their schemas", async (name, stage, tables) => {
  mkdirSync(join(folder, "deps"));
  const deps = Object.fromEntries(
    Object.entries(tables).map(([dep, list]) => [
      dep,
      list.map((table, i): DepFile => {
        const path = join(folder, "deps", `${dep}-${i}.json`);
        writeFileSync(path, JSON.stringify(table));
        return { path, instance: {} };
      }),
    ]),
  );
  const context = fakeContext(folder, {}, deps);
  await stage.run(context);
  expect(complaints("figure", readJson(join(folder, "spec")))).toEqual([]);
  expect(complaints("claims", readJson(join(folder, "claims")))).toEqual([]);
  expect(["svg", "png"].every((out) => existsSync(join(folder, out)))).toBe(true);
  expect(context.lines).toEqual([expect.stringMatching(new RegExp(`^${name}: (\\d+) of \\1 claims pass$`))]);
});
