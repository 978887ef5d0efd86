import { writeSafetensors } from "../../src/formats/safetensors.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { ImageObjective } from "../../src/numerics/image-objective.ts";
import {
  type ImageCheckpoint,
  type ImageRun,
  type ImageSchedule,
  type ImageStart,
  trainImages,
} from "../../src/numerics/image-training.ts";
import type { StageContext } from "../../src/stage.ts";
import { openImageResume, savedBy } from "./image-resume.ts";
import { paramsOf } from "./params.ts";
import { provenanceOf } from "./tables.ts";
import { openTrajectory, tensorOf } from "./tensors.ts";

/** Between saved states: an epoch takes milliseconds or an hour, and a lease of a machine may be short. */
const SAVE_MS = 30_000;
/** An epoch that takes longer tells how far it is. */
const SLOW_MS = 1_000;

/** Epochs at most: in proportion to 1/η, since a small rate needs so many, within params' `epochs` (at least, at most). */
export function limitOf(context: StageContext, eta: number): number {
  const { span, epochs, cap } = paramsOf(context, { span: "number", epochs: "count", cap: "count" });
  return Math.min(cap, Math.max(epochs, Math.ceil(span / eta)));
}

/** Trains one instance, from where it was when its process was killed, and tells how far it is. */
export async function trainInstance(
  context: StageContext,
  objective: ImageObjective,
  start: ImageStart,
  schedule: ImageSchedule,
  epochs: number,
): Promise<ImageRun> {
  const { kept } = paramsOf(context, { kept: "count" });
  const { from, save } = openImageResume(context.resume);
  const first = start.firstEpoch ?? 0;
  if (from !== undefined) {
    const within = from.pass === undefined ? "" : `, ghost batch ${from.pass.batches}`;
    context.log(`goes on from epoch ${from.run.epoch}${within}`);
  }
  let told = performance.now();
  const run = await trainImages(objective, start, schedule, {
    epochs,
    checkpoints: kept,
    ...(from === undefined ? {} : { from }),
    ...(context.resume === undefined ? {} : savedBy(SAVE_MS, save)),
    onBatch(epoch, batches, total) {
      if (performance.now() - told <= SLOW_MS) return;
      told = performance.now();
      const message = `ghost batch ${batches} of ${total}`;
      context.progress({ done: epoch - first + batches / total, total: epochs, unit: "epochs", message });
    },
    onEpoch(epoch, loss, accuracy) {
      told = performance.now();
      const message = `loss ${loss.toPrecision(3)}, ${(100 * accuracy).toFixed(1)} %`;
      context.progress({ done: epoch - first, total: epochs, unit: "epochs", message });
    },
  });
  context.log(`${run.ending.reason} at epoch ${run.ending.epoch}, loss ${run.loss.at(-1)}`);
  return run;
}

/** The accuracy on the whole test split by the statistics that params ask for; null where the run diverged. */
export async function validationAccuracy(
  context: StageContext,
  objective: ImageObjective,
  { ending, theta, statistics }: Pick<ImageRun, "ending" | "theta" | "statistics">,
): Promise<number | null> {
  if (ending.reason === "diverged") return null;
  const { statistics: which } = paramsOf(context, { statistics: "statistics" });
  const used = which === "running" ? statistics : await objective.populationStatistics(theta);
  return (await objective.evaluateWith(theta, used, "test")).accuracy[0]!;
}

/** The kept checkpoints, and the final one. */
export function writeImageCheckpoints(
  context: StageContext,
  objective: ImageObjective,
  kept: readonly ImageCheckpoint[],
  { ending, theta, statistics }: Pick<ImageRun, "ending" | "theta" | "statistics">,
): void {
  const final = { epoch: ending.epoch, theta, statistics };
  const rows = kept.at(-1)?.epoch === final.epoch ? kept : [...kept, final];
  const { network, float, numParams } = objective;
  writeSafetensors(
    context.out("checkpoints"),
    {
      epochs: { dtype: "i32", shape: [rows.length], data: Int32Array.from(rows, ({ epoch }) => epoch) },
      theta: { dtype: float, shape: [rows.length, numParams], data: rows.map((row) => row.theta) },
      statistics: {
        dtype: "f64",
        shape: [rows.length, network.numStatistics],
        data: rows.map((row) => row.statistics),
      },
    },
    { network: network.name, provenance: JSON.stringify(provenanceOf(context, objective)) },
  );
}

export interface ImageTrajectory {
  readonly epochs: readonly number[];
  at(epoch: number): ImageCheckpoint;
  /** The checkpoint nearest to an epoch; the earlier of two. */
  near(epoch: number): ImageCheckpoint;
  checkpoints(): Generator<ImageCheckpoint>;
}

export function openImageTrajectory(path: string): ImageTrajectory {
  const { epochs, at: thetaAt } = openTrajectory(path);
  const at = (epoch: number): ImageCheckpoint => {
    const row = epochs.indexOf(epoch);
    const theta: FloatArray = thetaAt(epoch);
    return { epoch, theta, statistics: tensorOf(path, "statistics", { rows: [row, row + 1] }).data as Float64Array };
  };
  return {
    epochs,
    at,
    near: (wanted) => at(nearest(epochs, wanted)),
    *checkpoints() {
      for (const epoch of epochs) yield at(epoch);
    },
  };
}

function nearest(epochs: readonly number[], wanted: number): number {
  return epochs.reduce((best, epoch) => (Math.abs(epoch - wanted) < Math.abs(best - wanted) ? epoch : best));
}
