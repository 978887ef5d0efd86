import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { isSafetensorsFailure, readSafetensorsHeader } from "../../src/formats/safetensors.ts";
import { dot } from "../../src/numerics/basis.ts";
import { hessianTrace } from "../../src/numerics/hessian-trace.ts";
import { imageNetwork } from "../../src/numerics/image-networks.ts";
import { makeImageObjective } from "../../src/numerics/image-objective.ts";
import { blockOperator, layerBlocks } from "../../src/numerics/layer-blocks.ts";
import { hessianEigenpairs } from "../../src/numerics/spectrum.ts";
import { openReference } from "../../src/runtimes/reference.ts";
import type { DepFile, Json, Stage } from "../../src/stage.ts";
import bigModel from "../../stages/big-model.ts";
import type { BigModelTable, ImageCurvatureTable, ReducedTable } from "../../stages/figures/image-tables.ts";
import type { EventualSharpness, GeneralizationTable, ModelRow } from "../../stages/figures/model-tables.ts";
import generalization from "../../stages/generalization.ts";
import imageCurvature from "../../stages/image-curvature.ts";
import imageModel from "../../stages/image-model.ts";
import imageReduced from "../../stages/image-reduced.ts";
import reducedGeneralization from "../../stages/image-reduced-generalization.ts";
import seedsGeneralization from "../../stages/image-seeds-generalization.ts";
import imageSpectrum from "../../stages/image-spectrum.ts";
import imageStable from "../../stages/image-stable.ts";
import images from "../../stages/images.ts";
import { readImageData } from "../../stages/shared/image-data.ts";
import { openImageTrajectory } from "../../stages/shared/image-run.ts";
import { fakeContext } from "../data/context.ts";
import { complaints } from "../rig/schemas.ts";
import { openForTest } from "../runtimes/devices.ts";
import { readJson } from "./context.ts";

/** The convolutional stages one after another, on the first embedded images and a tiny network, onnx:cpu. */
const NETWORK = { kind: "vgg", widths: [4, 4], convs: 1, dense: 8 } as const;
const OBJECTIVE = { network: NETWORK, ghostBatch: 12, averaging: "equal" };
const TRAINING = { ...OBJECTIVE, statistics: "running", warmup: 5, span: 1, epochs: 150, cap: 1_000, kept: 8 };
const SPECTRUM = { ...OBJECTIVE, k: 2, tol: 1e-4 };
const ETAS = [0.1, 0.6];
const SEEDS = [0, 1];

type Instance = DepFile["instance"];
type Deps = Readonly<Record<string, readonly DepFile[]>>;

let folder: string;
let data: string;
/** How long all trainings have taken, by a clock on which each epoch takes a second. */
let seconds = 0;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "image-stages-"));
  data = join(folder, "data");
  const source = join(import.meta.dirname, "..", "..", "stages", "data");
  const embedded = readdirSync(source).map((name) => ({ path: join(source, name), instance: {} }));
  await images.run(fakeContext(folder, { spec: { source: "embedded", train: 20, test: 20 } }, { embedded }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const nameOf = (instance: Instance): string => Object.values(instance).join("-");

/** Runs one instance; its outs lie in a folder of the stage's and instance's names. */
async function run(
  stage: Stage,
  name: string,
  { instance = {}, params, deps = {}, stop }: RunOptions,
): Promise<{ readonly lines: readonly string[]; file(out: string): DepFile }> {
  const outs = join(folder, name, nameOf(instance));
  const resume = join(folder, "resume", name, nameOf(instance));
  for (const path of [outs, resume]) mkdirSync(path, { recursive: true });
  const context = fakeContext(outs, params as Json, { data: [{ path: data, instance: {} }], ...deps });
  await stage.run({
    ...context,
    instance,
    platform: { device: "onnx:cpu" },
    resume,
    progress({ done }) {
      seconds++;
      if (stop !== undefined && done >= stop) throw new Error("killed");
    },
  });
  return { lines: context.lines, file: (out) => ({ path: join(outs, out), instance }) };
}

interface RunOptions {
  readonly instance?: Instance;
  readonly params: object;
  readonly deps?: Deps;
  /** The epoch at which the process "dies". */
  readonly stop?: number;
}

const file = (stage: string, instance: Instance, out: string): DepFile => ({
  path: join(folder, stage, nameOf(instance), out),
  instance,
});
const grid = ETAS.flatMap((eta) => SEEDS.map((seed) => ({ eta, seed })));
const all = (stage: string, instances: readonly Instance[], out: string): DepFile[] =>
  instances.map((instance) => file(stage, instance, out));
const modelOf = (stage: string, instance: Instance): Deps => ({
  model: [file(stage, instance, "table")],
  checkpoints: [file(stage, instance, "checkpoints")],
});

describe("image stages", () => {
  it("image-model: trained to completion, its tables and checkpoints agreeing with float64", async () => {
    for (const instance of grid) await run(imageModel, "model", { instance, params: { ...TRAINING, ...instance } });
    const objective = await makeImageObjective(
      openReference(),
      imageNetwork(NETWORK),
      { train: readImageData(data, "train"), test: readImageData(data, "test") },
      { ghostBatch: 12 },
    );
    for (const instance of grid) {
      const table = readJson<ModelRow>(file("model", instance, "table").path);
      expect(complaints("model", table)).toEqual([]);
      const { path } = file("model", instance, "checkpoints");
      const header = readSafetensorsHeader(path);
      if (isSafetensorsFailure(header)) throw new Error(header.message);
      expect(complaints("checkpoints", JSON.parse(JSON.stringify(headerJson(header))))).toEqual([]);
      // 12 + 8 of 20 images; the layout decides last bits, so it is told in both.
      const parts = [
        { count: 1, images: 12, interleave: 12 },
        { count: 1, images: 8, interleave: 8 },
      ];
      expect(table).toMatchObject({ provenance: { ghostBatches: parts } });
      expect(JSON.parse(header.metadata.provenance!)).toMatchObject({ ghostBatches: parts });
      const trajectory = openImageTrajectory(path);
      expect(trajectory.epochs[0]).toBe(0);
      expect(trajectory.epochs.at(-1)).toBe(table.ending.epoch);
      const { theta, statistics } = trajectory.at(table.ending.epoch);
      const { loss, accuracy } = await objective.evaluate(theta);
      // Float32 sums of 20 samples: 1e-5 is a hundred units of roundoff.
      expect(Math.abs(loss[0]! - table.loss!)).toBeLessThan(1e-5 * Math.max(1, table.loss!));
      expect(accuracy[0]).toBe(table.trainAccuracy);
      const validation = await objective.evaluateWith(theta, statistics, "test");
      expect(validation.accuracy[0]).toBe(table.validationAccuracy);
    }
    const endings = grid.map((instance) => readJson<ModelRow>(file("model", instance, "table").path).ending.reason);
    expect(endings).toContain("complete");
    await objective.dispose();
  });

  it("a training that is killed goes on to the same bytes, from a state that it saved", async () => {
    const instance: Instance = { eta: 0.1, seed: 0 };
    const params = { ...TRAINING, ...instance };
    // A state is saved every thirty seconds.
    const clock = vi.spyOn(performance, "now").mockImplementation(() => 1000 * seconds);
    await expect(run(imageModel, "killed", { instance, params, stop: 40 })).rejects.toThrow("killed");
    await expect(run(imageModel, "killed", { instance, params, stop: 60 })).rejects.toThrow("killed");
    const { lines, file: out } = await run(imageModel, "killed", { instance, params });
    clock.mockRestore();
    expect(lines[0]).toBe("goes on from epoch 60");
    for (const name of ["table", "checkpoints"])
      expect(readFileSync(out(name).path).equals(readFileSync(file("model", instance, name).path)), name).toBe(true);
  });

  it("image-spectrum and image-stable: eigenvalues of the ghost loss, and where they were largest", async () => {
    for (const instance of grid) {
      const { file: out } = await run(imageSpectrum, "spectrum", {
        instance,
        params: SPECTRUM,
        deps: modelOf("model", instance),
      });
      expect(complaints("model-spectrum", readJson(out("table").path))).toEqual([]);
    }
    const lowest = { eta: 0.1, seed: 0 };
    const { file: out } = await run(imageStable, "stable", { params: SPECTRUM, deps: modelOf("model", lowest) });
    const stable = readJson<EventualSharpness>(out("table").path);
    expect(complaints("eventual-sharpness", stable)).toEqual([]);
    expect(stable.rows.map(({ epoch }) => epoch)).toEqual(
      openImageTrajectory(file("model", lowest, "checkpoints").path).epochs,
    );
    expect(stable.maximum!.sharpness).toBe(Math.max(...stable.rows.map(({ sharpness }) => sharpness)));
    const { values } = readJson<{ values: number[] }>(file("spectrum", lowest, "table").path);
    // The same Hessian, solved twice to 1e-4 of λ₁.
    if (values.length > 0) expect(Math.abs(values[0]! / stable.rows.at(-1)!.sharpness - 1)).toBeLessThan(2e-4);
  });

  it("image-curvature: spectrum, trace and layers' sharpness of the ghost loss, against its Hessian in full", async () => {
    const instance = { eta: 0.6, seed: 0 };
    const params = { ...OBJECTIVE, probes: 4, steps: 30, matvecs: 24, tol: 1e-4 };
    const { file: out } = await run(imageCurvature, "curvature", {
      instance,
      params,
      deps: modelOf("model", instance),
    });
    const table = readJson<ImageCurvatureTable>(out("table").path);
    expect(complaints("image-curvature", table)).toEqual([]);
    const runtime = await openForTest("onnx:cpu");
    if ("skipped" in runtime) throw new Error(runtime.skipped);
    const train = readImageData(data, "train");
    const objective = await makeImageObjective(runtime, imageNetwork(NETWORK), { train }, { ghostBatch: 12 });
    const { theta } = openImageTrajectory(file("model", instance, "checkpoints").path).at(table.ending.epoch);
    const around = await objective.linearize(theta);
    const { numParams } = objective;
    const blocks = layerBlocks(objective.network);
    expect(table.found!.layers.map(({ name, parameters }) => [name, parameters])).toEqual(
      blocks.map((block) => [block.name, block.numParams]),
    );
    // The block of the last layer, entry by entry: its largest eigenvalue is at least each diagonal entry, at most the norm.
    const last = blocks.at(-1)!;
    const multiply = blockOperator(around.hvp, numParams, last);
    let [largest, square] = [0, 0];
    for (let i = 0; i < last.numParams; i++) {
      const unit = new Float32Array(last.numParams);
      unit[i] = 1;
      const column = await multiply(unit);
      largest = Math.max(largest, column[i]!);
      square += dot(column, column);
    }
    const { sharpness } = table.found!.layers.at(-1)!;
    expect(sharpness).toBeGreaterThanOrEqual(largest * (1 - 1e-3));
    expect(sharpness).toBeLessThanOrEqual(Math.sqrt(square) * (1 + 1e-3));
    around.dispose();
    const again = await hessianTrace(objective, theta, { matvecs: 24 });
    expect(table.found!.trace).toMatchObject({ ...again.trace, matvecs: again.numMatvecs, rank: again.rank });
    const { values } = await hessianEigenpairs(objective, theta, 1, { tol: 1e-4 });
    // Ritz values are at most λ₁, up to float32.
    for (const { nodes } of table.found!.quadratures) expect(nodes[0]! / values[0]!).toBeLessThan(1 + 1e-4);
    const top = Math.max(...table.found!.quadratures.map(({ nodes }) => nodes[0]!));
    expect(Math.abs(top / values[0]! - 1)).toBeLessThan(1e-3);
    await objective.dispose();
    await runtime.dispose();
  });

  it("image-reduced: goes on from the kept checkpoint nearest to a fraction of the run", async () => {
    const full = readJson<ModelRow>(file("model", { eta: 0.6, seed: 0 }, "table").path);
    expect(full.ending.reason).toBe("complete");
    for (const fraction of [0.25, 0.75]) {
      const instance = { eta: 0.6, fraction, seed: 0 };
      const { file: out } = await run(imageReduced, "reduced", {
        instance,
        params: { ...TRAINING, ...instance, small: 0.2 },
        deps: modelOf("model", { eta: 0.6, seed: 0 }),
      });
      const table = readJson<ReducedTable["models"][number]>(out("table").path);
      expect(complaints("reduced-model", table)).toEqual([]);
      const { at, of, to } = table.reduction;
      expect([of, to]).toEqual([full.ending.epoch, 0.2]);
      const { epochs } = openImageTrajectory(file("model", { eta: 0.6, seed: 0 }, "checkpoints").path);
      const distances = epochs.slice(0, -1).map((epoch) => Math.abs(epoch - fraction * of));
      expect(Math.abs(at! - fraction * of)).toBe(Math.min(...distances));
      // Its own path begins where the other's was left, parameters and all.
      const [mine, its] = [out("checkpoints").path, file("model", { eta: 0.6, seed: 0 }, "checkpoints").path].map(
        (path) => openImageTrajectory(path),
      );
      expect(mine!.at(at!)).toEqual(its!.at(at!));
      expect(mine!.epochs).toEqual([...new Set(mine!.epochs)].sort((a, b) => a - b));
      await run(imageSpectrum, "reduced-spectrum", { instance, params: SPECTRUM, deps: modelOf("reduced", instance) });
    }
  });

  it("image-reduced: of a run that diverged there is no fraction", async () => {
    const instance = { eta: 1e6, seed: 0 };
    await run(imageModel, "model", { instance, params: { ...TRAINING, warmup: 0, ...instance } });
    const full = readJson<ModelRow>(file("model", instance, "table").path);
    expect(full).toMatchObject({ ending: { reason: "diverged" }, validationAccuracy: null });
    const { file: out } = await run(imageReduced, "reduced", {
      instance: { ...instance, fraction: 0.5 },
      params: { ...TRAINING, ...instance, fraction: 0.5, small: 0.2 },
      deps: modelOf("model", instance),
    });
    const table = readJson<object>(out("table").path);
    expect(complaints("reduced-model", table)).toEqual([]);
    expect(table).toMatchObject({ ending: full.ending, reduction: { at: null, trainAccuracy: null } });
  });

  it("generalization: ρ's reference is the same seed's lowest constant learning rate", async () => {
    const params = { k: 2, from: 0.1, upTo: 0.6 };
    const files = (stage: string, spectrum: string, instances: readonly Instance[]) => ({
      models: all(stage, instances, "table"),
      spectra: all(spectrum, instances, "table"),
      vectors: all(spectrum, instances, "vectors"),
    });
    const { file: constant } = await run(generalization, "g", { params, deps: files("model", "spectrum", grid) });
    const table = readJson<GeneralizationTable>(constant("table").path);
    expect(complaints("generalization", table)).toEqual([]);
    expect(table.models.map(({ eta, seed }) => ({ eta, seed }))).toEqual(grid);

    const fractions = [0.25, 0.75].map((fraction) => ({ eta: 0.6, fraction, seed: 0 }));
    const { file: reduced } = await run(reducedGeneralization, "rg", {
      params,
      deps: {
        ...files("reduced", "reduced-spectrum", fractions),
        references: all("model", grid, "table"),
        referenceVectors: all("spectrum", grid, "vectors"),
      },
    });
    const rows = readJson<ReducedTable>(reduced("table").path);
    expect(complaints("generalization", rows)).toEqual([]);
    expect(rows.models.map(({ reduction }) => reduction.fraction)).toEqual([0.25, 0.75]);
    for (const { ending, similarity } of rows.models)
      if (ending.reason === "complete") expect(similarity!.lowest).toHaveLength(2);

    // A fraction beside another that picks the same checkpoint is the same model once more.
    const again = { eta: 0.6, fraction: 0.26, seed: 0 };
    await run(imageReduced, "reduced", {
      instance: again,
      params: { ...TRAINING, ...again, small: 0.2 },
      deps: modelOf("model", { eta: 0.6, seed: 0 }),
    });
    await run(imageSpectrum, "reduced-spectrum", {
      instance: again,
      params: SPECTRUM,
      deps: modelOf("reduced", again),
    });
    const { file: repeated, lines } = await run(reducedGeneralization, "rg-again", {
      params,
      deps: {
        ...files("reduced", "reduced-spectrum", [fractions[0]!, again, fractions[1]!]),
        references: all("model", grid, "table"),
        referenceVectors: all("spectrum", grid, "vectors"),
      },
    });
    const { at } = rows.models[0]!.reduction;
    expect(lines).toContain(`η₀ = 0.6, seed 0: fraction 0.26 starts at epoch ${at} as 0.25 does, and is left out`);
    const { models: distinct, correlations } = readJson<ReducedTable>(repeated("table").path);
    expect({ models: distinct, correlations }).toEqual({ models: rows.models, correlations: rows.correlations });

    // Seeds from two stages, of the learning rates that are wanted alone.
    const [first, second] = [grid.filter(({ seed }) => seed === 0), grid.filter(({ seed }) => seed === 1)];
    const more = files("model", "spectrum", second);
    const { file: seeds } = await run(seedsGeneralization, "sg", {
      params: { ...params, etas: [0.6] },
      deps: {
        ...files("model", "spectrum", first),
        moreModels: more.models,
        moreSpectra: more.spectra,
        moreVectors: more.vectors,
      },
    });
    const { models } = readJson<GeneralizationTable>(seeds("table").path);
    expect(models.map(({ eta, seed }) => [eta, seed])).toEqual([
      [0.6, 0],
      [0.6, 1],
    ]);
  });

  it("big-model: a cell of Figure 7, reduced at a training accuracy or not", async () => {
    const params = { ...TRAINING, row: "vgg19-50k", eta: 0.6, seed: 0 };
    const { file: constant } = await run(bigModel, "big", { params });
    const table = readJson<BigModelTable>(constant("table").path);
    expect(complaints("big-model", table)).toEqual([]);
    expect(table).toMatchObject({
      reduction: null,
      study: {
        network: "miniature VGG (widths 4, 4)",
        data: { name: "fashion-mnist", train: 20, test: 20, copies: 1 },
      },
    });
    const { file: out } = await run(bigModel, "big-reduced", {
      params: { ...params, row: "resnet20-500k-reduced-at-0.9", to: 0.2, atAccuracy: 0.5 },
    });
    const reduced = readJson<BigModelTable>(out("table").path);
    expect(complaints("big-model", reduced)).toEqual([]);
    expect(reduced.reduction).toMatchObject({ to: 0.2, atAccuracy: 0.5 });
    expect(reduced.reduction!.trainAccuracy).toBeGreaterThanOrEqual(0.5);
    expect(reduced.reduction!.at).toBeLessThan(reduced.ending.epoch);
  });

  it("refuse params of another kind by name", async () => {
    const wrong = [
      [{ network: "vgg11" }, /param 'network' must be vgg10, vgg19, resnet20/],
      [{ network: { kind: "vgg", widths: [2], convs: 1 } }, /param 'network'/],
      [{ averaging: "none" }, /param 'averaging' must be equal or samples/],
      [{ statistics: "batch" }, /param 'statistics' must be running or population/],
    ] as const;
    for (const [change, message] of wrong) {
      const params = { ...TRAINING, epochs: 1, span: 0, eta: 0.1, seed: 0, ...change };
      await expect(run(imageModel, "wrong", { params })).rejects.toThrow(message);
    }
  });
});

/** As the engine hands a safetensors file to its schema. */
function headerJson(header: object): object {
  const { tensors, metadata } = header as {
    readonly tensors: Readonly<Record<string, { readonly dtype: string; readonly shape: readonly number[] }>>;
    readonly metadata: object;
  };
  const upper = Object.entries(tensors).map(([name, { dtype, shape }]) => [
    name,
    { dtype: dtype.toUpperCase(), shape },
  ]);
  return { tensors: Object.fromEntries(upper), metadata };
}
