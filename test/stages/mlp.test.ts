import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensorsHeader, readTensor, type StoredTensor } from "../../src/formats/safetensors.ts";
import { norm } from "../../src/numerics/basis.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { mlp } from "../../src/numerics/networks.ts";
import { makeObjective, type Objective } from "../../src/numerics/objective.ts";
import { openReference } from "../../src/runtimes/reference.ts";
import { StageError } from "../../src/stage.ts";
import type { InstabilitiesTable, RunTable, SharpnessTable } from "../../stages/figures/mlp-tables.ts";
import hessian from "../../stages/hessian.ts";
import instabilities from "../../stages/instabilities.ts";
import intervene from "../../stages/intervene.ts";
import sharpness from "../../stages/sharpness.ts";
import similarity from "../../stages/similarity.ts";
import train from "../../stages/train.ts";
import { complaints } from "../rig/schemas.ts";
import { readJson, stageContext } from "./context.ts";
import { writeRandomImages } from "./random-images.ts";

/** The MLP's stages on a tiny network and random bytes, each through its own module, from files to files. */
const network = [16, 6, 5, 3];
const ETA = 0.4;
const EPOCHS = 30;
const P = 16 * 6 + 6 * 5 + 5 * 3;
// Sums over at most 60 samples and 16 features, twice for the second derivative.
const ROUNDING = 500 * 2 ** -24;

let folder: string;
let reference: Objective;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stages-"));
  const samples = writeRandomImages(join(folder, "data.safetensors"), [4, 4], { train: 60, test: 230 });
  reference = await makeObjective(openReference(), mlp(network), { train: samples });
});
afterAll(() => rmSync(folder, { recursive: true }));

const tensor = (file: string, name: string): StoredTensor => {
  const found = readTensor(join(folder, file), name);
  if ("reason" in found) throw new Error(found.message);
  return found;
};
const rowsOf = ({ shape, data }: StoredTensor): FloatArray[] => {
  const length = data.length / shape[0]!;
  return Array.from({ length: shape[0]! }, (_, i) => data.slice(i * length, (i + 1) * length) as FloatArray);
};
/** What the engine shows to a schema: types as the format spells them. */
const header = (file: string): object => {
  const found = readSafetensorsHeader(join(folder, file));
  if ("reason" in found) throw new Error(found.message);
  const tensors = Object.entries(found.tensors).map(([name, { dtype, shape }]) => [
    name,
    { dtype: dtype.toUpperCase(), shape },
  ]);
  return { tensors: Object.fromEntries(tensors), metadata: found.metadata };
};
const data = "data.safetensors";

describe.sequential("from training to similarity", () => {
  it("train: every epoch's loss, accuracy and gradient, agreeing with float64 at the checkpoint", async () => {
    const context = stageContext(
      folder,
      { network, seed: 3, eta: ETA, epochs: EPOCHS },
      { data },
      { run: "run.json", checkpoints: "checkpoints.safetensors" },
    );
    await train.run(context);
    const run = readJson<RunTable>(context.outPath("run"));
    expect(complaints("run", run)).toEqual([]);
    expect(complaints("checkpoints", header("checkpoints.safetensors"))).toEqual([]);
    const thetas = rowsOf(tensor("checkpoints.safetensors", "theta"));
    expect(tensor("checkpoints.safetensors", "epochs").data).toEqual(
      Int32Array.from({ length: EPOCHS + 1 }, (_, t) => t),
    );
    expect(run.rows.map(({ epoch }) => epoch)).toEqual(Array.from({ length: EPOCHS + 1 }, (_, t) => t));
    for (const epoch of [0, 7, EPOCHS]) {
      const exact = await reference.gradient(thetas[epoch]!);
      expect(Math.abs(run.rows[epoch]!.loss! - exact.loss[0]!)).toBeLessThan(ROUNDING);
      expect(Math.abs(run.rows[epoch]!.gradientNorm! - norm(exact.grad))).toBeLessThan(ROUNDING);
      expect(run.rows[epoch]!.trainAccuracy).toBeCloseTo(exact.accuracy[0]!, 9);
    }
    // The first 200 test samples, and all 230.
    for (const row of run.rows) expect(row).toMatchObject({ validationAccuracy: expect.any(Number) });
    const last = run.rows.at(-1) as unknown as { validationAccuracy: number; validationAccuracyAll: number };
    expect(Number.isInteger(Math.round(1e6 * last.validationAccuracy * 200) / 1e6)).toBe(true);
    expect(Number.isInteger(Math.round(1e6 * last.validationAccuracyAll * 230) / 1e6)).toBe(true);
  });

  it("sharpness: eigenvalues of every second epoch", async () => {
    const context = stageContext(
      folder,
      { network, k: 3, tol: 1e-4, stride: 2 },
      { data, run: "run.json", checkpoints: "checkpoints.safetensors" },
      { table: "sharpness.json" },
    );
    await sharpness.run(context);
    const table = readJson<SharpnessTable>(context.outPath("table"));
    expect(complaints("sharpness", table)).toEqual([]);
    expect(table.threshold).toBe(2 / ETA);
    expect(table.rows.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 16 }, (_, i) => 2 * i));
    for (const { values, residuals } of table.rows) {
      expect(values).toEqual([...values].sort((a, b) => b - a));
      expect(Math.max(...residuals)).toBeLessThanOrEqual(1e-4);
    }
  });

  it("instabilities: too few are an expected failure that says what to change", async () => {
    const params = { count: 3, prominence: 0.5, period: 2 };
    const context = stageContext(folder, params, { run: "run.json", sharpness: "sharpness.json" }, { table: "x.json" });
    await expect(instabilities.run(context)).rejects.toThrow(StageError);
    await expect(instabilities.run(context)).rejects.toMatchObject({ remedy: expect.stringContaining("mlp.epochs") });
  });

  it("instabilities: snapshots that do not overlap", async () => {
    const bump = (epoch: number, at: number): number => Math.exp(-(((epoch - at) / 2) ** 2));
    const rows = Array.from({ length: 61 }, (_, epoch) => ({ epoch, loss: 1 + bump(epoch, 21) + bump(epoch, 40) }));
    const values = (epoch: number): number[] => [epoch <= 20 ? 3 * epoch : 30 + ((epoch - 20) % 20)];
    const measured = rows.filter(({ epoch }) => epoch % 2 === 0).map(({ epoch }) => ({ epoch, values: values(epoch) }));
    writeFileSync(
      join(folder, "bumps.json"),
      JSON.stringify({ eta: 0.05, ending: { reason: "epochs", epoch: 60 }, rows }),
    );
    writeFileSync(join(folder, "bumps-s.json"), JSON.stringify({ eta: 0.05, threshold: 40, rows: measured }));
    const params = { count: 2, prominence: 0.1, period: 2 };
    const context = stageContext(
      folder,
      params,
      { run: "bumps.json", sharpness: "bumps-s.json" },
      { table: "bumps-i.json" },
    );
    await instabilities.run(context);
    const table = readJson<InstabilitiesTable>(context.outPath("table"));
    expect(complaints("instabilities", table)).toEqual([]);
    expect(table.snapshots.map(({ baseline, peak }) => [baseline, peak])).toEqual([
      [12, 21],
      [22, 40],
    ]);
    expect(table.snapshots[0]!.end).toBeLessThanOrEqual(22);
  });

  it("hessian: eigenpairs of the reference's Hessian at the written checkpoints", async () => {
    const snapshots = [{ index: 0, baseline: 4, start: 4, peak: 14, end: 18 }];
    writeFileSync(join(folder, "i.json"), JSON.stringify({ eta: ETA, threshold: 2 / ETA, period: 2, snapshots }));
    const context = stageContext(
      folder,
      { network, snapshot: 0, k: 3, tol: 1e-4 },
      { data, checkpoints: "checkpoints.safetensors", instabilities: "i.json" },
      { spectrum: "spectrum.safetensors" },
    );
    await hessian.run(context);
    expect(complaints("spectrum", header("spectrum.safetensors"))).toEqual([]);
    const epochs = Array.from(tensor("spectrum.safetensors", "epochs").data);
    expect(epochs).toEqual(Array.from({ length: 15 }, (_, i) => 4 + i));
    const thetas = rowsOf(tensor("checkpoints.safetensors", "theta"));
    const [values, vectors, residuals] = ["values", "vectors", "residuals"].map((name) =>
      rowsOf(tensor("spectrum.safetensors", name)),
    );
    for (const row of [0, 9]) {
      const around = await reference.linearize(thetas[epochs[row]!]!);
      for (let i = 0; i < 3; i++) {
        const v = vectors![row]!.slice(i * P, (i + 1) * P);
        const product = await around.hvp(v);
        const residual = norm(product.map((value, at) => value - values![row]![i]! * v[at]!) as FloatArray);
        expect(residual).toBeLessThanOrEqual(residuals![row]![i]! + ROUNDING * values![row]![0]!);
        expect(residual).toBeLessThanOrEqual(2e-4 * values![row]![0]!);
      }
      around.dispose();
    }
  });

  it("intervene and similarity: from the baseline's 1, and from the switch on its own way", async () => {
    for (const timing of [0.4, 0.8]) {
      const context = stageContext(
        folder,
        { network, snapshot: 0, timing, factor: 0.2, epochs: 6, k: 3, tol: 1e-4 },
        { data, checkpoints: "checkpoints.safetensors", instabilities: "i.json" },
        { run: `t${timing}.json`, spectrum: `t${timing}.safetensors` },
      );
      await intervene.run(context);
      expect(complaints("intervention", readJson(context.outPath("run")))).toEqual([]);
      expect(complaints("spectrum", header(`t${timing}.safetensors`))).toEqual([]);
    }
    // From the same checkpoint: the same loss there.
    const run = readJson<RunTable>(join(folder, "run.json"));
    const reduced = readJson<{ epoch: number; rows: RunTable["rows"] }>(join(folder, "t0.8.json"));
    expect(reduced.epoch).toBe(12);
    expect(reduced.rows[0]!.loss).toBe(run.rows[12]!.loss);
    expect(reduced.rows[1]!.loss).not.toBe(run.rows[13]!.loss);

    const context = stageContext(
      folder,
      {},
      {
        instabilities: "i.json",
        spectra: ["spectrum.safetensors"],
        interventions: ["t0.4.safetensors", "t0.8.safetensors"],
      },
      { table: "similarity.json", interventions: "interventions.json" },
    );
    await similarity.run(context);
    const table = readJson<{ snapshots: { rows: { epoch: number; subspace: number; individual: number[] }[] }[] }>(
      context.outPath("table"),
    );
    expect(complaints("similarity", table)).toEqual([]);
    const { rows } = table.snapshots[0]!;
    expect(rows.map(({ epoch }) => epoch)).toEqual([4, 6, 8, 10, 12, 14, 16, 18]);
    // float32 vectors of unit length, to their rounding.
    for (const value of [rows[0]!.subspace, ...rows[0]!.individual])
      expect(Math.abs(value - 1)).toBeLessThan(P * 2 ** -24);
    const file = readJson<{ interventions: { timing: number; epoch: number; rows: typeof rows }[] }>(
      context.outPath("interventions"),
    );
    expect(complaints("interventions", file)).toEqual([]);
    expect(file.interventions.map(({ timing, epoch }) => [timing, epoch])).toEqual([
      [0.4, 8],
      [0.8, 12],
    ]);
    for (const { epoch, rows: own } of file.interventions) {
      expect(own.map((row) => row.epoch)).toEqual([epoch, epoch + 2, epoch + 4, epoch + 6]);
      // The same θ; eigenvectors converged to residuals of 1e-4 from other start vectors.
      expect(Math.abs(own[0]!.subspace - rows.find((row) => row.epoch === epoch)!.subspace)).toBeLessThan(0.02);
    }
  });

  it("params of the wrong kind, and data that do not fit the network, are named", async () => {
    const outs = { run: "x.json", checkpoints: "x.safetensors" };
    const wrong = stageContext(folder, { network, seed: -1, eta: 1, epochs: 1 }, { data }, outs);
    await expect(train.run(wrong)).rejects.toThrow(/'seed' must be an integer from 0, it is -1/);
    const missing = stageContext(folder, { network, seed: 1, epochs: 1 }, { data }, outs);
    await expect(train.run(missing)).rejects.toThrow(/'eta' must be a number, it is missing/);
    const narrow = stageContext(folder, { network: [9, 3], seed: 1, eta: 1, epochs: 1 }, { data }, outs);
    await expect(train.run(narrow)).rejects.toThrow(/16 features, the network takes 9/);
    writeFileSync(join(folder, "broken"), "no safetensors");
    const broken = stageContext(folder, { network, seed: 1, eta: 1, epochs: 1 }, { data: "broken" }, outs);
    await expect(train.run(broken)).rejects.toThrow(StageError);
  });
});
