/**
 * Figure 2's analysis of its run in float64, and how far the two paths are apart. Chaos amplifies rounding: what is asked
 * is when that shows, and whether the float64 path does the same things.
 */
import { norm } from "../src/numerics/basis.ts";
import type { FloatArray } from "../src/numerics/float-array.ts";
import { gradientDescent } from "../src/numerics/gradient-descent.ts";
import type { Objective } from "../src/numerics/objective.ts";
import { individualSimilarities, subspaceSimilarity } from "../src/numerics/similarity.ts";
import { type Checkpoint, trackSpectrum } from "../src/numerics/spectrum.ts";
import { defineStage, type StageContext } from "../src/stage.ts";
import type { RunTable } from "./figures/mlp-tables.ts";
import { withObjectives } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { findSnapshots, type Snapshot } from "./shared/snapshots.ts";
import { type Solves, type SolveTally, solveTally } from "./shared/solves.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory, type Trajectory } from "./shared/tensors.ts";

interface Wanted {
  readonly k: number;
  readonly tol: number;
  /** Epochs between values of S. */
  readonly stride: number;
  /** Epochs between compared spectra (T). */
  readonly period: number;
  /** Snapshots at most: another path may have fewer. */
  readonly count: number;
  readonly prominence: number;
  /** What η is reduced to, as a fraction of it; where on the way from the baseline to the peak; for how many epochs. */
  readonly factor: number;
  readonly timing: number;
  readonly epochs: number;
}

export default defineStage({
  async run(context) {
    const { network, ...wanted } = paramsOf(context, {
      network: "sizes",
      k: "count",
      tol: "number",
      stride: "count",
      period: "count",
      count: "count",
      prominence: "number",
      factor: "number",
      timing: "number",
      epochs: "count",
    });
    const run = readTable<RunTable>(context, "run");
    const path = openTrajectory(context.dep("checkpoints").path);
    await withObjectives(async (objectives) => {
      const objective = await objectives(context, network, { isDouble: true });
      const sharpness = await sharpnessOf(context, run, path, objective, wanted);
      const { snapshots } = findSnapshots(run, sharpness, wanted);
      const { eta } = run;
      context.log(`L peaks at epochs ${snapshots.map(({ peak }) => peak).join(", ") || "none"}`);
      writeTable(context, "instabilities", { eta, threshold: 2 / eta, period: wanted.period, snapshots });
      const solves = await compareSnapshots(context, path, objective, { eta, snapshots, ...wanted });
      writePaths(context, run, path, { used: objective.runtime.device, solves });
    });
  },
});

/** ‖θ₃₂ − θ₆₄‖/‖θ₆₄‖, epoch by epoch. */
function writePaths(
  context: StageContext,
  { eta, seed }: RunTable,
  path: Trajectory,
  { used, solves }: { readonly used: string; readonly solves: Solves },
): void {
  const other = openTrajectory(context.dep("float32").path);
  const both = path.epochs.filter((epoch) => other.epochs.includes(epoch));
  const rows = both.map((epoch) => {
    const [double, single] = [path.at(epoch), other.at(epoch)];
    const difference = Float64Array.from(double, (value, i) => value - single[i]!);
    return { epoch, distance: norm(difference) / norm(double) };
  });
  const compared = other.at(both[0]!) instanceof Float32Array ? "f32" : "f64";
  writeTable(context, "paths", {
    eta,
    seed,
    compared,
    device: { wanted: context.platform.device, used },
    rows,
    solves,
  });
}

async function sharpnessOf(
  context: StageContext,
  { eta }: RunTable,
  path: Trajectory,
  objective: Objective,
  { tol, stride }: Wanted,
) {
  const solves = solveTally({ k: 1, tol });
  const epochs = path.epochs.filter((epoch) => epoch % stride === 0);
  const rows = [];
  for await (const found of trackSpectrum(objective, path.checkpoints(epochs), 1, { tol, confirm: false })) {
    solves.add(found, `epoch ${found.epoch}`);
    if (found.status === "not-finite") break;
    const { epoch, values, residuals, numMatvecs } = found;
    const scale = Math.abs(values[0]!);
    rows.push({ epoch, values, residuals: residuals.map((residual) => residual / scale), matvecs: numMatvecs });
    context.progress({ done: rows.length, total: epochs.length, unit: "checkpoints" });
  }
  const table = { eta, threshold: 2 / eta, k: 1, rows };
  writeTable(context, "sharpness", { ...table, solves: solves.summary() });
  return table;
}

/** Rotation in each snapshot, with and without a reduced η: tables `similarity` and `interventions`. */
async function compareSnapshots(
  context: StageContext,
  path: Trajectory,
  objective: Objective,
  { eta, snapshots, ...wanted }: Wanted & { readonly eta: number; readonly snapshots: readonly Snapshot[] },
): Promise<Solves> {
  const { k, period, factor, timing } = wanted;
  const solves = solveTally(wanted);
  const [compared, interventions] = [[], []] as [object[], object[]];
  for (const { index, baseline, peak, end } of snapshots) {
    const epochs = path.epochs.filter(
      (epoch) => epoch >= baseline && epoch <= end && (epoch - baseline) % period === 0,
    );
    const spectrum = await vectorsAt(path.checkpoints(epochs), objective, wanted, solves);
    const reference = spectrum[0]!.vectors;
    const rows = spectrum.map(({ epoch, vectors }) => ({
      epoch,
      individual: individualSimilarities(reference, vectors),
      subspace: subspaceSimilarity(reference, vectors),
    }));
    compared.push({ index, baseline, peak, rows });

    const start = baseline + period * Math.round((timing * (peak - baseline)) / period);
    const last = Math.max(...epochs.filter((epoch) => epoch <= start + wanted.epochs));
    // Soon, which is where the reduction shows, and at the end.
    const shown = [start, start + period, start + 2 * period, last].filter((epoch, i, all) => all.indexOf(epoch) === i);
    const reduced = await reduceFrom(path.at(start), objective, { rate: factor * eta, start, shown });
    const turned = await vectorsAt(reduced, objective, wanted, solves);
    interventions.push({
      snapshot: index,
      timing,
      epoch: start,
      eta: factor * eta,
      rows: turned.map(({ epoch, vectors }) => ({ epoch, subspace: subspaceSimilarity(reference, vectors) })),
    });
    context.progress({ done: compared.length, total: snapshots.length, unit: "snapshots" });
  }
  writeTable(context, "similarity", { eta, k, period, snapshots: compared });
  writeTable(context, "interventions", { eta, k, period, interventions });
  return solves.summary();
}

async function vectorsAt(
  checkpoints: Iterable<Checkpoint>,
  objective: Objective,
  { k, tol }: Pick<Wanted, "k" | "tol">,
  solves: SolveTally,
): Promise<{ readonly epoch: number; readonly vectors: readonly FloatArray[] }[]> {
  const found = [];
  for await (const pairs of trackSpectrum(objective, checkpoints, k, { tol, confirm: false })) {
    solves.add(pairs, `epoch ${pairs.epoch}`);
    found.push({ epoch: pairs.epoch, vectors: pairs.vectors });
  }
  return found;
}

async function reduceFrom(
  theta: FloatArray,
  objective: Objective,
  { rate, start, shown }: { readonly rate: number; readonly start: number; readonly shown: readonly number[] },
): Promise<Checkpoint[]> {
  const kept: Checkpoint[] = [];
  await gradientDescent(objective, [{ theta, rate }], {
    epochs: shown.at(-1)! - start,
    firstEpoch: start,
    isCheckpoint: (epoch) => shown.includes(epoch),
    onCheckpoint: (_, epoch, at) => void kept.push({ epoch, theta: at }),
  });
  return kept;
}
