import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import type { DepFile, Json, Stage } from "../../src/stage.ts";
import fig05b from "../../stages/fig05b.ts";
import fig06a from "../../stages/fig06a.ts";
import fig06b from "../../stages/fig06b.ts";
import fig07 from "../../stages/fig07.ts";
import fig12b from "../../stages/fig12b.ts";
import fig12c from "../../stages/fig12c.ts";
import fig13 from "../../stages/fig13.ts";
import { studyOf } from "../../stages/shared/study.ts";
import { fakeContext } from "../data/context.ts";
import { complaints } from "../rig/schemas.ts";
import {
  EXTREME,
  syntheticBigModels,
  syntheticFigure5b,
  syntheticFigure13,
  syntheticImages,
  syntheticReduced,
} from "./synthetic-images.ts";

const VGG = { kind: "vgg", widths: [2, 4, 8], convs: 1, dense: 8 };
const PARAMS = { network: VGG, extreme: EXTREME, from: 0.0005 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "image-figures-"));
  mkdirSync(join(folder, "deps"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What is wrong with an out by its schema: nothing. */
function problems(out: string, schema: string): unknown {
  return complaints(schema, JSON.parse(readFileSync(join(folder, out), "utf8")));
}

function tableDeps(tables: Readonly<Record<string, readonly object[]>>): Record<string, DepFile[]> {
  return Object.fromEntries(
    Object.entries(tables).map(([name, list]) => [
      name,
      list.map((table, i) => {
        const path = join(folder, "deps", `${name}-${i}.json`);
        writeFileSync(path, JSON.stringify(table));
        return { path, instance: {} };
      }),
    ]),
  );
}

function dataset(name: string, { train = 6, test = 4, copies = 1 } = {}): string {
  const path = join(folder, "deps", `${name}.safetensors`);
  const images = (count: number) => ({ dtype: "u8", shape: [count, 1, 1, 1], data: new Uint8Array(count) }) as const;
  const table = { dtype: "u8", shape: [train * copies, 3], data: new Uint8Array(3 * train * copies) } as const;
  writeSafetensors(
    path,
    {
      "train.images": images(train),
      "test.images": images(test),
      ...(copies > 1 ? { "train.augmentations": table } : {}),
    },
    { name },
  );
  return path;
}

const dataDep = () => ({ data: [{ path: dataset("fashion-mnist"), instance: {} }] });

async function run(stage: Stage, params: Json, tables: Readonly<Record<string, readonly object[]>>) {
  const context = fakeContext(folder, params, { ...dataDep(), ...tableDeps(tables) });
  await stage.run(context);
  return context;
}

const figure5 = syntheticFigure5b();
const figure13 = syntheticFigure13();
const FIGURES: readonly (readonly [string, Stage, Readonly<Record<string, readonly object[]>>])[] = [
  ["fig05b", fig05b, { table: [figure5.generalization], stable: figure5.stable }],
  ["fig06a", fig06a, { reduced: [syntheticReduced()], constant: [syntheticImages()] }],
  ["fig06b", fig06b, { reduced: [syntheticReduced()], constant: [syntheticImages()] }],
  ["fig07", fig07, { models: syntheticBigModels(), reduced: [] }],
  ["fig12b", fig12b, { table: [syntheticImages()] }],
  ["fig12c", fig12c, { table: [syntheticReduced()] }],
  ["fig13", fig13, { table: [figure13.generalization], stable: figure13.stable }],
];

describe("the convolutional figures' stages", () => {
  it.each(FIGURES)("write spec, SVG, PNG and claims: %s", async (name, stage, tables) => {
    const context = await run(stage, PARAMS, tables);
    expect(problems("spec", "figure")).toEqual([]);
    expect(problems("claims", "claims")).toEqual([]);
    expect(["svg", "png"].every((out) => existsSync(join(folder, out)))).toBe(true);
    expect(context.lines.at(-1)).toMatch(new RegExp(`^${name}: \\d+ of \\d+ claims pass$`));
    if (name === "fig07") expect(problems("table", "figure-7")).toEqual([]);
    else expect(readFileSync(join(folder, "svg"), "utf8")).toContain("Fashion-MNIST padded to 32×32×3");
  });

  const incomplete = (models: readonly object[]) => ({
    k: 4,
    correlations: [],
    models: models.map((model) => ({ ...model, ending: { reason: "epochs", epoch: 9 } })),
  });

  it.each([
    ["5b", fig05b, { table: [incomplete(syntheticImages().models)], stable: figure5.stable }, /no model completed/],
    ["6a", fig06a, { reduced: [incomplete(syntheticReduced().models)], constant: [syntheticImages()] }, /after its/],
    ["12b", fig12b, { table: [incomplete(syntheticImages().models)] }, /^0 models completed/],
    ["13", fig13, { table: [incomplete(syntheticImages().models)], stable: figure5.stable }, /three models/],
  ] as const)(
    "refuse a Figure %s of models that did not complete their training",
    async (_, stage, tables, message) => {
      await expect(run(stage, PARAMS, tables)).rejects.toMatchObject({
        name: "StageError",
        message: expect.stringMatching(message),
        remedy: expect.stringMatching(/give params\./),
      });
    },
  );

  it("refuse a stability threshold that is not known", async () => {
    const stable = figure5.stable.map((run) => ({ ...run, maximum: null }));
    for (const stage of [fig05b, fig13])
      await expect(run(stage, PARAMS, { table: [figure13.generalization], stable })).rejects.toMatchObject({
        name: "StageError",
        message: expect.stringMatching(/stable runs is not known/),
      });
  });

  it("ask for the network's param", async () => {
    const tables = { table: [syntheticImages()] };
    await expect(run(fig12b, { from: 0 }, tables)).rejects.toMatchObject({
      message: expect.stringMatching(/'network'/),
    });
  });
});

describe("a study", () => {
  it("is read off the data set's header and the network's param", () => {
    expect(studyOf(dataset("cifar-10", { copies: 10 }), "vgg10")).toEqual({
      network: "VGG10",
      data: { name: "cifar-10", train: 6, test: 4, copies: 10 },
    });
    const resnet = { kind: "resnet", widths: [4, 8, 8], blocks: 1 } as const;
    expect(studyOf(dataset("fashion-mnist"), resnet).network).toBe("miniature ResNet (widths 4, 8, 8)");
    // One of the paper's written out is the paper's.
    const vgg = { kind: "vgg", widths: [8, 16, 32], convs: 3, dense: 32 } as const;
    expect(studyOf(dataset("cifar-10"), vgg).network).toBe("VGG10");
  });

  it("of a file that is none is an expected failure", () => {
    const path = join(folder, "broken");
    writeFileSync(path, "no");
    expect(() => studyOf(path, "vgg19")).toThrow(expect.objectContaining({ name: "StageError" }));
  });
});
