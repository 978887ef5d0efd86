import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readSafetensorsHeader, readTensor } from "../../src/formats/safetensors.ts";
import { norm } from "../../src/numerics/basis.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { InstabilitiesTable, RunTable, SharpnessTable, SimilarityTable } from "../../stages/figures/mlp-tables.ts";
import type { PathsTable } from "../../stages/figures/precision.ts";
import float64 from "../../stages/float64.ts";
import train from "../../stages/train.ts";
import trainFloat64 from "../../stages/train-float64.ts";
import { complaints } from "../rig/schemas.ts";
import { readJson, stageContext } from "./context.ts";
import { writeRandomImages } from "./random-images.ts";

const network = [16, 6, 5, 3];
const [ETA, EPOCHS, SEED] = [2, 60, 3];
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "float64-"));
  writeRandomImages(join(folder, "data"), [4, 4], { train: 60, test: 60 });
  for (const [stage, name] of [
    [train, "single"],
    [trainFloat64, "double"],
  ] as const)
    await stage.run(
      stageContext(
        folder,
        { network, seed: SEED, eta: ETA, epochs: EPOCHS },
        { data: "data" },
        { run: `${name}.json`, checkpoints: `${name}.safetensors` },
      ),
    );
});
afterAll(() => rmSync(folder, { recursive: true }));

const rowAt = (file: string, epoch: number): FloatArray => {
  const found = readTensor(join(folder, file), "theta", { rows: [epoch, epoch + 1] });
  if ("reason" in found) throw new Error(found.message);
  return found.data as FloatArray;
};

it("train-float64 starts from the float32 run's very point and goes its own way in doubles", () => {
  expect(readSafetensorsHeader(join(folder, "double.safetensors"))).toMatchObject({
    tensors: { theta: { dtype: "f64" } },
  });
  expect(Array.from(rowAt("double.safetensors", 0))).toEqual(Array.from(rowAt("single.safetensors", 0)));
  const [single, double] = ["single", "double"].map((name) => readJson<RunTable>(join(folder, `${name}.json`)));
  expect(complaints("run", double)).toEqual([]);
  // One step on the gradient of a mean over 60 samples, 16 features: rounded to float32, and not the same.
  const off = Math.abs(single!.rows[1]!.loss! - double!.rows[1]!.loss!);
  expect(off).toBeLessThan(500 * 2 ** -24);
  expect(off).toBeGreaterThan(0);
});

it("float64 measures the distance of the paths and the float64 path's instabilities, however few", async () => {
  const outs = ["paths", "sharpness", "instabilities", "similarity", "interventions"];
  for (const prominence of [1e-3, 1e9]) {
    const context = stageContext(
      folder,
      {
        ...{ network, k: 2, tol: 1e-6, stride: 2, period: 2, count: 2, prominence },
        ...{ factor: 0.2, timing: 0.5, epochs: 6 },
      },
      { data: "data", run: "double.json", checkpoints: "double.safetensors", float32: "single.safetensors" },
      Object.fromEntries(outs.map((out) => [out, `${out}.json`])),
    );
    await float64.run(context);
    const table = <T>(out: string): T => {
      const found = readJson<T>(context.outPath(out));
      expect(complaints(out, found)).toEqual([]);
      return found;
    };
    const { rows, compared, device } = table<PathsTable>("paths");
    expect([compared, device]).toEqual(["f32", { wanted: "onnx:cpu", used: "onnx:cpu" }]);
    expect(rows.map(({ epoch }) => epoch)).toEqual(Array.from({ length: EPOCHS + 1 }, (_, epoch) => epoch));
    expect(rows[0]!.distance).toBe(0);
    for (const epoch of [1, 30, 60]) {
      const [single, double] = [rowAt("single.safetensors", epoch), rowAt("double.safetensors", epoch)];
      const distance = norm(Float64Array.from(double, (value, i) => value - single[i]!)) / norm(double);
      expect(rows[epoch]!.distance).toBe(distance);
    }
    expect(table<SharpnessTable>("sharpness").rows.length).toBe(EPOCHS / 2 + 1);
    const { snapshots } = table<InstabilitiesTable>("instabilities");
    const similarity = table<SimilarityTable>("similarity");
    expect(similarity.snapshots.map(({ index }) => index)).toEqual(snapshots.map(({ index }) => index));
    for (const { rows: turned } of similarity.snapshots) expect(turned[0]!.subspace).toBeCloseTo(1, 12);
    expect(table<{ interventions: unknown[] }>("interventions").interventions.length).toBe(snapshots.length);
    if (prominence > 1) expect(snapshots).toEqual([]);
    else expect(snapshots.length).toBeGreaterThan(0);
  }
});
