import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTensor } from "../../src/formats/safetensors.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { mlp } from "../../src/numerics/networks.ts";
import { makeObjective, type Objective } from "../../src/numerics/objective.ts";
import { spectralMean } from "../../src/numerics/spectral-density.ts";
import { symmetricEigen } from "../../src/numerics/tridiagonal.ts";
import { openReference } from "../../src/runtimes/reference.ts";
import { StageError } from "../../src/stage.ts";
import coldStart from "../../stages/cold-start.ts";
import convergence from "../../stages/convergence.ts";
import density from "../../stages/density.ts";
import type {
  ColdTable,
  ConvergenceTable,
  DensityTable,
  LayersTable,
  TraceTable,
} from "../../stages/figures/curvature-tables.ts";
import hessian from "../../stages/hessian.ts";
import hessianTrace from "../../stages/hessian-trace.ts";
import layerSharpness from "../../stages/layer-sharpness.ts";
import sharpness from "../../stages/sharpness.ts";
import train from "../../stages/train.ts";
import { denseHessian } from "../numerics/dense.ts";
import { complaints } from "../rig/schemas.ts";
import { readJson, stageContext } from "./context.ts";
import { writeRandomImages } from "./random-images.ts";

/** Everything about the Hessian on a network so small that its dense one is at hand, each through its own stage. */
const network = [6, 4, 3];
const ETA = 0.4;
const P = 6 * 4 + 4 * 3;
// Sums over at most 40 samples and 6 features, twice for the second derivative, on 36 parameters.
const ROUNDING = 1000 * 2 ** -24;

let folder: string;
let reference: Objective;
let hessians: Map<number, number[][]>;
const data = "data.safetensors";
const [run, checkpoints] = ["run.json", "checkpoints.safetensors"];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "curvature-"));
  const samples = writeRandomImages(join(folder, data), [2, 3], { train: 40, test: 20 });
  reference = await makeObjective(openReference(), mlp(network), { train: samples });
  await train.run(stageContext(folder, { network, seed: 3, eta: ETA, epochs: 20 }, { data }, { run, checkpoints }));
  const instability = { index: 0, baseline: 4, start: 4, peak: 10, end: 14, prominence: 0.2 };
  const other = { index: 1, baseline: 14, start: 14, peak: 16, end: 18, prominence: 0.1 };
  const table = { eta: ETA, threshold: 2 / ETA, period: 2, snapshots: [instability, other] };
  writeFileSync(join(folder, "i.json"), JSON.stringify(table));
  const theta = readTensor(join(folder, checkpoints), "theta");
  if ("reason" in theta) throw new Error(theta.message);
  hessians = new Map();
  for (const epoch of [0, 4, 10, 14, 20])
    hessians.set(epoch, await denseHessian(reference, theta.data.slice(epoch * P, (epoch + 1) * P) as FloatArray));
});
afterAll(async () => {
  await reference.dispose();
  rmSync(folder, { recursive: true });
});

const traceOf = (matrix: readonly (readonly number[])[]): number =>
  matrix.reduce((total, row, i) => total + row[i]!, 0);

describe.sequential("beyond the largest eigenvalues", () => {
  it("density: the moments of the most prominent instability, with the dense spectrum's ends and trace", async () => {
    const deps = { data, checkpoints, instabilities: "i.json" };
    const context = stageContext(folder, { network, probes: 20, steps: 30 }, deps, { table: "density.json" });
    await density.run(context);
    const table = readJson<DensityTable>(context.outPath("table"));
    expect(complaints("density", table)).toEqual([]);
    expect(table.rows.map(({ epoch, role }) => [epoch, role])).toEqual([
      [0, "initial"],
      [4, "before"],
      [10, "peak"],
      [14, "after"],
      [20, "last"],
    ]);
    expect(table.parameters).toBe(P);
    for (const { epoch, quadratures } of table.rows) {
      expect(quadratures).toHaveLength(20);
      const { values } = symmetricEigen(hessians.get(epoch)!);
      for (const { nodes, weights } of quadratures) {
        expect(Math.abs(nodes[0]! - values[0]!)).toBeLessThan(ROUNDING);
        expect(Math.abs(nodes.at(-1)! - values.at(-1)!)).toBeLessThan(ROUNDING);
        expect(weights.reduce((total, weight) => total + weight, 0)).toBeCloseTo(1, 12);
      }
      const { value, error } = spectralMean(quadratures, (eigenvalue) => eigenvalue);
      expect(Math.abs(P * value - traceOf(hessians.get(epoch)!))).toBeLessThan(5 * P * error);
    }
    const none = stageContext(folder, { network, probes: 1, steps: 30 }, deps, { table: "none.json" });
    await expect(density.run(none)).rejects.toThrow(StageError);
  });

  it("trace: exact where the sketches span the space", async () => {
    const params = { network, matvecs: 3 * (P + 4), stride: 10 };
    const context = stageContext(folder, params, { data, run, checkpoints }, { table: "trace.json" });
    await hessianTrace.run(context);
    const table = readJson<TraceTable>(context.outPath("table"));
    expect(complaints("hessian-trace", table)).toEqual([]);
    expect(table.rows.map(({ epoch }) => epoch)).toEqual([0, 10, 20]);
    for (const { epoch, trace, squaredNorm } of table.rows) {
      const dense = hessians.get(epoch)!;
      expect(Math.abs(trace - traceOf(dense))).toBeLessThan(P * ROUNDING);
      const square = dense.flat().reduce((total, entry) => total + entry ** 2, 0);
      expect(Math.abs(squaredNorm / square - 1)).toBeLessThan(P * ROUNDING);
    }
  });

  it("layers: the dense blocks' largest eigenvalues", async () => {
    const params = { network, tol: 1e-5, stride: 10 };
    const context = stageContext(folder, params, { data, run, checkpoints }, { table: "layers.json" });
    await layerSharpness.run(context);
    const table = readJson<LayersTable>(context.outPath("table"));
    expect(complaints("layer-sharpness", table)).toEqual([]);
    expect(table.layers).toEqual([
      { name: "dense1", parameters: 24 },
      { name: "dense2", parameters: 12 },
    ]);
    for (const { epoch, values } of table.rows) {
      const dense = hessians.get(epoch)!;
      const block = (from: number, to: number) => dense.slice(from, to).map((row) => row.slice(from, to));
      const exact = [block(0, 24), block(24, 36)].map((matrix) => symmetricEigen(matrix).values[0]!);
      values.forEach((value, i) => {
        expect(Math.abs(value - exact[i]!)).toBeLessThan(ROUNDING + 1e-5 * exact[i]!);
      });
    }
  });

  it("convergence: all solves of all stages, warm beside cold", async () => {
    const solved = { network, k: 2, tol: 1e-4, stride: 2 };
    const deps = { data, run, checkpoints };
    await sharpness.run(stageContext(folder, solved, deps, { table: "sharpness.json" }));
    await coldStart.run(stageContext(folder, { ...solved, stride: 10 }, deps, { table: "cold.json" }));
    const cold = readJson<ColdTable & { readonly k: number }>(join(folder, "cold.json"));
    expect(complaints("cold-start", cold)).toEqual([]);
    const spectra = { data, checkpoints, instabilities: "i.json" };
    for (const snapshot of [0, 1])
      await hessian.run(
        stageContext(folder, { network, snapshot, k: 2, tol: 1e-4 }, spectra, {
          spectrum: `s${snapshot}.safetensors`,
        }),
      );
    const diverged = {
      solves: {
        k: 2,
        tol: 1e-4,
        count: 3,
        matvecs: 510,
        worst: 0.01,
        unconverged: [{ at: "epoch 6", status: "max-matvecs", worst: 0.01 }],
      },
    };
    writeFileSync(join(folder, "diverged.json"), JSON.stringify(diverged));
    const context = stageContext(
      folder,
      { stages: ["sharpness", "cold-start", "hessian", "layer-sharpness"], trajectory: true },
      {
        trajectory: "sharpness.json",
        sharpness: ["sharpness.json", "diverged.json"],
        "cold-start": "cold.json",
        hessian: ["s0.safetensors", "s1.safetensors"],
        "layer-sharpness": "layers.json",
      },
      { table: "convergence.json" },
    );
    await convergence.run(context);
    const table = readJson<ConvergenceTable>(context.outPath("table"));
    expect(complaints("convergence", table)).toEqual([]);
    // Epochs 0 to 20 by two; three cold; epochs 4 to 14 and 14 to 18; three times two layers.
    expect(table.stages.map(({ stage, instances, count, converged }) => [stage, instances, count, converged])).toEqual([
      ["sharpness", 2, 14, 13],
      ["cold-start", 1, 3, 3],
      ["hessian", 2, 16, 16],
      ["layer-sharpness", 1, 6, 6],
    ]);
    const [first, second] = table.stages;
    expect(first!.unconverged).toEqual([{ instance: "sharpness", ...diverged.solves.unconverged[0] }]);
    expect(first!.worst).toBe(0.01);
    expect(second!.worst).toBeLessThanOrEqual(1e-4);
    expect(table.trajectory.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 11 }, (_, i) => 2 * i));
    for (const { epoch, warm, cold: again, difference } of table.trajectory) {
      expect(warm).toBeGreaterThan(0);
      expect(again !== null).toBe(epoch % 10 === 0);
      // Eigenvalues are good to the square of their residual over a gap, and to rounding.
      if (difference !== null) expect(difference).toBeLessThan(1e-4);
    }
    const plain = stageContext(folder, { stages: ["hessian"] }, { hessian: "s0.safetensors" }, { table: "plain.json" });
    await convergence.run(plain);
    const alone = readJson<ConvergenceTable>(plain.outPath("table"));
    expect(complaints("convergence", alone)).toEqual([]);
    expect(alone.stages.map(({ count }) => count)).toEqual([11]);
    expect(alone.trajectory).toEqual([]);
  });
});
