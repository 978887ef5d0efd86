import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  readSafetensorsHeader,
  readTensor,
  type StoredTensor,
  writeSafetensors,
} from "../../src/formats/safetensors.ts";
import { subspaceSimilarity } from "../../src/numerics/similarity.ts";
import type { BatchMember, DepFile, Json, Stage } from "../../src/stage.ts";
import eventualSharpness from "../../stages/eventual-sharpness.ts";
import type {
  EventualSharpness,
  GeneralizationTable,
  ModelRow,
  SpectrumRow,
} from "../../stages/figures/model-tables.ts";
import generalization from "../../stages/generalization.ts";
import model from "../../stages/model.ts";
import modelSpectrum from "../../stages/model-spectrum.ts";
import reduction from "../../stages/reduction.ts";
import { fakeContext } from "../data/context.ts";
import { complaints } from "../rig/schemas.ts";

const NETWORK = [4, 5, 3];
const [PIXELS, TRAIN, TEST] = [4, 12, 9];

let folder: string;
let data: DepFile[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "models-"));
  const path = join(folder, "data.safetensors");
  // Each class has a bright pixel of its own: separable, so that training ends.
  const split = (count: number) => {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 3);
    const images = Uint8Array.from({ length: count * PIXELS }, (_, at) => {
      const [sample, pixel] = [Math.floor(at / PIXELS), at % PIXELS];
      return (pixel === sample % 3 ? 180 : 40) + ((37 * at) % 30);
    });
    return { images, labels };
  };
  const [train, test] = [split(TRAIN), split(TEST)];
  writeSafetensors(
    path,
    {
      "train.images": { dtype: "u8", shape: [TRAIN, 2, 2], data: train.images },
      "train.labels": { dtype: "u8", shape: [TRAIN], data: train.labels },
      "test.images": { dtype: "u8", shape: [TEST, 2, 2], data: test.images },
      "test.labels": { dtype: "u8", shape: [TEST], data: test.labels },
    },
    { mean: "0.3", std: "0.3" },
  );
  data = [{ path, instance: {} }];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a stage's instances in one batch; each has its outs in the folder of its name. */
async function runBatch(
  stage: Stage,
  instances: readonly { readonly name: string; readonly params: Json; readonly deps?: Record<string, DepFile[]> }[],
): Promise<void> {
  const members = instances.map(({ name, params, deps = {} }): BatchMember => {
    mkdirSync(join(folder, name), { recursive: true });
    const context = fakeContext(join(folder, name), params, { data, ...deps });
    return {
      ...context,
      platform: { device: "reference:cpu" },
      settle: async (work) => {
        await work();
      },
    };
  });
  await stage.runBatch!(members);
}

const at = (...path: string[]): string => join(folder, ...path);
const json = <T>(...path: string[]): T => JSON.parse(readFileSync(at(...path), "utf8")) as T;
const tensor = (name: string, ...path: string[]): StoredTensor => readTensor(at(...path), name) as StoredTensor;

function expectValid(schema: string, value: unknown): void {
  expect(complaints(schema, value)).toEqual([]);
}

const trained = (eta: number, seed: number, epochs = 3000): { name: string; params: Json } => ({
  name: `model ${eta} ${seed}`,
  params: { network: NETWORK, eta, seed, epochs, span: 1 },
});

function spectrumOf({ name }: { readonly name: string }, k = 3) {
  const dep = (file: string): DepFile[] => [{ path: at(name, file), instance: {} }];
  return {
    name: name.replace("model", "spectrum"),
    params: { network: NETWORK, k, tol: 1e-8 },
    deps: { model: dep("table"), checkpoints: dep("checkpoints") },
  };
}

describe("the stage model", () => {
  it("trains each member as it would alone, bit for bit", async () => {
    const all = [trained(0.05, 0), trained(0.3, 0), trained(0.3, 1), trained(1e4, 1)];
    await runBatch(model, all);
    for (const { name, params } of all) {
      await runBatch(model, [{ name: `alone ${name}`, params }]);
      expect(readFileSync(at(`alone ${name}`, "table"))).toEqual(readFileSync(at(name, "table")));
      expect(readFileSync(at(`alone ${name}`, "checkpoints"))).toEqual(readFileSync(at(name, "checkpoints")));
      expectValid("model", json(name, "table"));
    }
    expect(json<ModelRow>("model 10000 1", "table")).toMatchObject({
      ending: { reason: "diverged" },
      validationAccuracy: null,
      validationAccuracyAll: null,
    });
  });

  it("keeps θ at the end, and midway to 1/32 of the run or 20 epochs", async () => {
    await runBatch(model, [trained(0.002, 0)]);
    const { ending } = json<ModelRow>("model 0.002 0", "table");
    const [middle, end] = tensor("epochs", "model 0.002 0", "checkpoints").data;
    expect(ending.epoch).toBeGreaterThan(40);
    expect(end).toBe(ending.epoch);
    expect(Math.abs(middle! - ending.epoch / 2)).toBeLessThanOrEqual(Math.max(20, ending.epoch / 32));
  });

  it("grants a small rate span/η epochs", async () => {
    const name = "slow";
    await runBatch(model, [{ name, params: { network: NETWORK, eta: 1e-5, seed: 0, epochs: 2, span: 3e-4 } }]);
    expect(json<ModelRow>(name, "table").ending).toEqual({ reason: "epochs", epoch: 30 });
  });
});

describe("the stages model-spectrum and generalization", () => {
  it("tabulate sharpness and ρ, with nothing for a model that did not complete its training", async () => {
    const all = [trained(0.05, 0), trained(0.3, 0), trained(1e4, 0)];
    await runBatch(model, all);
    const spectra = all.map((instance) => spectrumOf(instance));
    await runBatch(modelSpectrum, spectra);
    for (const { name } of spectra) expectValid("model-spectrum", json(name, "table"));
    const lost = json<SpectrumRow>("spectrum 10000 0", "table");
    expect(lost).toMatchObject({ values: [], similarity: null });
    expect(tensor("vectors", "spectrum 10000 0", "vectors").shape[0]).toBe(0);
    expect(readSafetensorsHeader(at("spectrum 10000 0", "vectors"))).toHaveProperty("tensors");

    const files = (folderOf: (eta: number) => string, file: string): DepFile[] =>
      [0.05, 0.3, 1e4].map((eta) => ({ path: at(folderOf(eta), file), instance: { eta, seed: 0 } }));
    mkdirSync(at("out"));
    await generalization.run(
      fakeContext(
        at("out"),
        { k: 3, from: 0.05, upTo: 0.1 },
        {
          models: files((eta) => `model ${eta} 0`, "table"),
          spectra: files((eta) => `spectrum ${eta} 0`, "table"),
          vectors: files((eta) => `spectrum ${eta} 0`, "vectors"),
        },
      ),
    );
    const table = json<GeneralizationTable>("out", "table");
    expectValid("generalization", table);
    const [low, high, diverged] = table.models;
    expect(low!.similarity?.lowest).toBeNull();
    expect(diverged).toMatchObject({ sharpness: null, similarity: null });
    const vectors = (eta: number): Float64Array[] => {
      const { shape, data: values } = tensor("vectors", `spectrum ${eta} 0`, "vectors");
      const length = shape[1]!;
      return Array.from({ length: shape[0]! }, (_, i) => values.slice(i * length, (i + 1) * length) as Float64Array);
    };
    for (const [i, value] of high!.similarity!.lowest!.entries())
      expect(value).toBeCloseTo(subspaceSimilarity(vectors(0.05).slice(0, i + 1), vectors(0.3).slice(0, i + 1)), 12);
    expect(high!.sharpness).toBe(json<SpectrumRow>("spectrum 0.3 0", "table").values[0]);
  });
});

describe("the stages reduction and eventual-sharpness", () => {
  const run = (name: string, params: object) => ({
    name,
    params: { network: NETWORK, seed: 0, epochs: 400, stride: 20, kept: 32, ...params } as Json,
  });

  it("measure after the switch alone, with no maximum where training ended before", async () => {
    const trainings = [
      run("switched", { before: 0.001, at: 40, after: 0.02 }),
      run("ended", { before: 0.5, at: 300, after: 0.02 }),
      run("stable", { before: 0.002, at: 0, after: 0.002 }),
    ];
    await runBatch(reduction, trainings);
    const dep = (name: string, file: string): DepFile[] => [{ path: at(name, file), instance: {} }];
    await runBatch(
      eventualSharpness,
      trainings.map(({ name }) => ({
        name: `${name} measured`,
        params: { network: NETWORK, tol: 1e-6 },
        deps: { run: dep(name, "run"), checkpoints: dep(name, "checkpoints") },
      })),
    );
    const measured = (name: string) => json<EventualSharpness>(`${name} measured`, "table");
    for (const { name } of trainings) {
      expectValid("reduced-run", json(name, "run"));
      expectValid("eventual-sharpness", measured(name));
      // The last checkpoint is the run's end, wherever that is.
      expect(tensor("epochs", name, "checkpoints").data.at(-1)).toBe(measured(name).ending.epoch);
    }
    const switched = measured("switched");
    expect(switched.rows.every(({ epoch }) => epoch >= 40)).toBe(true);
    expect(switched.rows.at(-1)!.epoch).toBe(switched.ending.epoch);
    expect(switched.rows.length).toBeLessThanOrEqual(33);
    // Its maximum is among the rows from 1/η = 50 epochs after the switch on.
    const later = switched.rows.filter(({ epoch }) => epoch >= 90).map(({ sharpness }) => sharpness);
    expect(switched.maximum?.sharpness ?? null).toBe(later.length === 0 ? null : Math.max(...later));
    expect(measured("ended")).toMatchObject({ ending: { reason: "complete" }, rows: [], maximum: null });
    const stable = measured("stable");
    expect(stable.rows[0]!.epoch).toBe(0);
    expect(stable.maximum!.sharpness).toBe(Math.max(...stable.rows.map(({ sharpness }) => sharpness)));
  });
});
