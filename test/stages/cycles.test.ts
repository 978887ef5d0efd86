import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { norm } from "../../src/numerics/basis.ts";
import { gradientDescent } from "../../src/numerics/gradient-descent.ts";
import { initialise, mlp } from "../../src/numerics/networks.ts";
import { makeObjective, type Objective, sharpeningRate } from "../../src/numerics/objective.ts";
import { hessianEigenpairs } from "../../src/numerics/spectrum.ts";
import { openReference } from "../../src/runtimes/reference.ts";
import { StageError } from "../../src/stage.ts";
import type {
  LandscapeTable,
  PeriodsTable,
  SharpeningTable,
  UnstableTable,
} from "../../stages/figures/cycle-tables.ts";
import landscape from "../../stages/landscape.ts";
import periods from "../../stages/periods.ts";
import sharpening from "../../stages/sharpening.ts";
import unstable from "../../stages/unstable.ts";
import { complaints } from "../rig/schemas.ts";
import { readJson, stageContext } from "./context.ts";
import { writeRandomImages } from "./random-images.ts";

/** The stages of Figures 3 and 8 to 11 on a tiny network, from files to files, against float64. */
const network = [16, 6, 5, 3];
const ETA = 0.4;
const EPOCHS = 24;
// As in mlp.test.ts: sums over at most 60 samples and 16 features, twice for the second derivative, here relative.
const ROUNDING = 500 * 2 ** -24;

let folder: string;
let reference: Objective;
const thetas: Float64Array[] = [];
const losses: number[] = [];
const sharpnesses: number[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cycles-"));
  const train = writeRandomImages(join(folder, "data.safetensors"), [4, 4], { train: 60, test: 60 });
  reference = await makeObjective(openReference(), mlp(network), { train });
  await gradientDescent(reference, [{ theta: initialise(reference.network, 3), rate: ETA }], {
    epochs: EPOCHS,
    isCheckpoint: () => true,
    onCheckpoint: (_, epoch, theta) => {
      // What the file holds.
      thetas[epoch] = Float64Array.from(Float32Array.from(theta));
    },
  });
  for (const theta of thetas) {
    losses.push((await reference.gradient(theta)).loss[0]!);
    sharpnesses.push((await hessianEigenpairs(reference, theta, 1, { tol: 1e-9 })).values[0]!);
  }
  writeSafetensors(join(folder, "checkpoints.safetensors"), {
    epochs: { dtype: "i32", shape: [EPOCHS + 1], data: Int32Array.from({ length: EPOCHS + 1 }, (_, t) => t) },
    theta: {
      dtype: "f32",
      shape: [EPOCHS + 1, reference.numParams],
      data: thetas.map((theta) => Float32Array.from(theta)),
    },
  });
  const write = (name: string, table: object): void => writeFileSync(join(folder, name), JSON.stringify(table));
  write("sharpness.json", {
    eta: ETA,
    threshold: 2 / ETA,
    rows: sharpnesses.flatMap((value, epoch) => (epoch % 2 === 0 ? [{ epoch, values: [value] }] : [])),
  });
  // A made-up instability with a threshold that the run crosses; its peak is no peak.
  write("instabilities.json", { eta: ETA, threshold: middle(), period: 2, snapshots: [SNAPSHOT] });
});
afterAll(async () => {
  await reference.dispose();
  rmSync(folder, { recursive: true });
});

const SNAPSHOT = { index: 0, baseline: 4, start: 4, peak: 14, sharpnessPeak: 14, end: 18, prominence: 0.1 };

/** Between the lowest and the highest S, so that some epochs are unstable by it. */
function middle(): number {
  return (Math.min(...sharpnesses) + Math.max(...sharpnesses)) / 2;
}

const files = {
  data: "data.safetensors",
  checkpoints: "checkpoints.safetensors",
  sharpness: "sharpness.json",
  instabilities: "instabilities.json",
};

async function tableOf<T>(
  stage: { run(context: ReturnType<typeof stageContext>): Promise<void> },
  params: Readonly<Record<string, number | string>>,
  schema: string,
): Promise<T> {
  const context = stageContext(folder, { network, ...params }, files, { table: `${schema}.json` });
  await stage.run(context);
  const table = readJson<T>(context.outPath("table"));
  expect(complaints(schema, table)).toEqual([]);
  return table;
}

const close = (found: number, wanted: number, size = Math.abs(wanted)): void =>
  expect(Math.abs(found - wanted)).toBeLessThan(ROUNDING * (1 + size));

describe("sharpening", () => {
  it("has S, α and the oscillation of each epoch until the last snapshot is over", async () => {
    const { rows } = await tableOf<SharpeningTable>(sharpening, { tol: 1e-4, count: 1 }, "sharpening");
    expect(rows.map(({ epoch }) => epoch)).toEqual(thetas.map((_, epoch) => epoch));
    expect([rows[0]!.oscillation, rows.at(-1)!.oscillation]).toEqual([null, null]);
    for (const { epoch, sharpness, alpha, oscillation } of rows.slice(1, -1)) {
      const [before, at, after] = [thetas[epoch - 1]!, thetas[epoch]!, thetas[epoch + 1]!];
      close(sharpness, sharpnesses[epoch]!);
      const second = at.map((value, i) => after[i]! - 2 * value + before[i]!);
      expect(oscillation!).toBeCloseTo(norm(second) / 4, 12);
      const pairs = await hessianEigenpairs(reference, at, 2, { tol: 1e-9 });
      if (pairs.values[0]! - pairs.values[1]! < 0.1 * pairs.values[0]!) continue;
      const [exact] = await sharpeningRate(reference, at, pairs.vectors[0]!);
      // A residual of 1e-4·λ₁ turns v₁ by up to 1e-4/gap, to which α is linear.
      expect(Math.abs(alpha - exact!)).toBeLessThan(0.01 * (1 + Math.abs(exact!)));
    }
  });
});

describe("unstable", () => {
  const params = { snapshot: 0, epochs: 8, k: 4, tol: 1e-4 };

  it("plain is the run itself again", async () => {
    const { start, rows } = await tableOf<UnstableTable>(unstable, { ...params, update: "plain" }, "unstable");
    expect([start, rows.length]).toEqual([4, 9]);
    for (const { epoch, loss, values } of rows) {
      close(loss, losses[epoch]!);
      close(values[0]!, sharpnesses[epoch]!);
    }
  });

  it("frozen is plain where nothing exceeds 2/η", async () => {
    const [plain, frozen] = [
      await tableOf<UnstableTable>(unstable, { ...params, update: "plain" }, "unstable"),
      await tableOf<UnstableTable>(unstable, { ...params, update: "frozen" }, "unstable"),
    ];
    expect(plain.rows.every((row) => row.unstable === 0)).toBe(true);
    expect(frozen.rows).toEqual(plain.rows);
  });

  it("only, without an unstable direction, stays where it is", async () => {
    const { rows } = await tableOf<UnstableTable>(unstable, { ...params, update: "only" }, "unstable");
    expect(new Set(rows.map(({ loss }) => loss)).size).toBe(1);
  });

  it("flow goes downhill at every epoch", async () => {
    const { rows } = await tableOf<UnstableTable>(unstable, { ...params, update: "flow" }, "unstable");
    rows.slice(1).forEach(({ loss }, i) => {
      expect(loss).toBeLessThan(rows[i]!.loss);
    });
  });

  it("refuses an update that it does not know", async () => {
    const context = stageContext(folder, { network, ...params, update: "none" }, files, { table: "x.json" });
    await expect(unstable.run(context)).rejects.toThrow(StageError);
  });
});

describe("landscape", () => {
  it("has θ's own L and S in the middle of each line, from the cycle's start to its end", async () => {
    const table = await tableOf<LandscapeTable>(landscape, { points: 5, stride: 2, tol: 1e-4 }, "landscape");
    const epochs = table.lines.map(({ epoch }) => epoch);
    for (const epoch of Object.values(table.keys)) if (epoch >= 2) expect(epochs).toContain(epoch);
    for (const { epoch, rows } of table.lines) {
      expect((epoch - table.cycle.start) % 2).toBe(0);
      expect(rows[2]!.offset).toBe(0);
      close(rows[2]!.loss, losses[epoch]!);
      close(rows[2]!.sharpness, sharpnesses[epoch]!);
      // Uphill to the right.
      expect(rows[2]!.loss - rows[1]!.loss).toBeGreaterThan(rows[2]!.loss - rows[3]!.loss);
    }
  });
});

describe("periods", () => {
  it("compares every T epochs with the baseline", async () => {
    // At epoch 4 + t the plane of e₁ and e₂ has turned by t tenths in e₂ and e₃: one principal angle, t/10.
    const epochs = Array.from({ length: 9 }, (_, t) => 4 + t);
    const vectors = epochs.flatMap((_, t) => [
      Float32Array.of(1, 0, 0, 0),
      Float32Array.of(0, Math.cos(t / 10), Math.sin(t / 10), 0),
    ]);
    writeSafetensors(
      join(folder, "spectrum.safetensors"),
      {
        epochs: { dtype: "i32", shape: [9], data: Int32Array.from(epochs) },
        vectors: { dtype: "f32", shape: [9, 2, 4], data: vectors },
      },
      { snapshot: "0" },
    );
    const context = stageContext(
      folder,
      { periods: [1, 2, 3] },
      { instabilities: "instabilities.json", spectra: ["spectrum.safetensors"] },
      { table: "periods.json" },
    );
    await periods.run(context);
    const table = readJson<PeriodsTable>(context.outPath("table"));
    expect(complaints("periods", table)).toEqual([]);
    expect(table.k).toBe(2);
    const [snapshot] = table.snapshots;
    expect(snapshot!.periods.map(({ rows }) => rows.map(({ epoch }) => epoch))).toEqual([
      epochs,
      [4, 6, 8, 10, 12],
      [4, 7, 10],
    ]);
    // Float32 vectors: 2⁻²⁴ of an angle.
    for (const { epoch, subspace } of snapshot!.periods[0]!.rows)
      expect(subspace).toBeCloseTo(Math.cos((epoch - 4) / 10 / Math.SQRT2), 6);
  });
});
