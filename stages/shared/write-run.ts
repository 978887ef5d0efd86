import { writeSafetensors } from "../../src/formats/safetensors.ts";
import type { Objective } from "../../src/numerics/objective.ts";
import type { Checkpoint } from "../../src/numerics/spectrum.ts";
import type { StageContext } from "../../src/stage.ts";
import { accuracies } from "./accuracy.ts";
import { finiteOrNull, provenanceOf, writeTable } from "./tables.ts";
import type { Trained } from "./training.ts";

/** A dense trajectory's outs, `run` and `checkpoints`: θ has been kept at every epoch. */
export async function writeRun(
  context: StageContext,
  objective: Objective,
  { seed, eta }: { readonly seed: number; readonly eta: number },
  { run: { loss, accuracy, gradientNorm, ending }, kept }: Trained,
): Promise<void> {
  const thetas = kept.map(({ theta }) => theta);
  const validation = await accuracies(objective, thetas, "test");
  const all = objective.splits.includes("all") ? await accuracies(objective, thetas, "all") : undefined;
  const rows = Array.from(loss, (value, epoch) => ({
    epoch,
    loss: finiteOrNull(value),
    trainAccuracy: accuracy[epoch]!,
    gradientNorm: finiteOrNull(gradientNorm[epoch]!),
    validationAccuracy: validation[epoch]!,
    ...(all === undefined ? {} : { validationAccuracyAll: all[epoch]! }),
  }));
  context.log(`η = ${eta}: ${ending.reason} at epoch ${ending.epoch}, loss ${loss.at(-1)}`);
  writeTable(context, "run", { eta, seed, ending, rows });
  writeCheckpoints(context, objective, kept, { eta: String(eta), seed: String(seed) });
}

export function writeCheckpoints(
  context: StageContext,
  objective: Objective,
  kept: readonly Checkpoint[],
  about: Readonly<Record<string, string>> = {},
): void {
  writeSafetensors(
    context.out("checkpoints"),
    {
      epochs: { dtype: "i32", shape: [kept.length], data: Int32Array.from(kept, ({ epoch }) => epoch) },
      theta: {
        dtype: objective.float,
        shape: [kept.length, objective.numParams],
        data: kept.map(({ theta }) => theta),
      },
    },
    { ...about, network: objective.network.name, provenance: JSON.stringify(provenanceOf(context)) },
  );
}
