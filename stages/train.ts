/** One MLP by full-batch gradient descent, with a checkpoint every epoch. */
import { writeSafetensors } from "../src/formats/safetensors.ts";
import type { FloatArray } from "../src/numerics/float-array.ts";
import { gradientDescent } from "../src/numerics/gradient-descent.ts";
import { initialise } from "../src/numerics/networks.ts";
import type { Objective } from "../src/numerics/objective.ts";
import { defineStage } from "../src/stage.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { finiteOrNull, provenanceOf, writeTable } from "./shared/tables.ts";

export default defineStage({
  async run(context) {
    const { network, seed, eta, epochs } = paramsOf(context, {
      network: "sizes",
      seed: "count",
      eta: "number",
      epochs: "count",
    });
    await withObjective(context, network, async (objective) => {
      const thetas: FloatArray[] = [];
      const [run] = await gradientDescent(objective, [{ theta: initialise(objective.network, seed), rate: eta }], {
        epochs,
        isCheckpoint: () => true,
        onCheckpoint: (_, epoch, theta) => {
          thetas[epoch] = theta;
        },
        onProgress: (done) => context.progress({ done, total: epochs, unit: "epochs" }),
      });
      const { loss, accuracy, gradientNorm, ending } = run!;
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
      writeSafetensors(
        context.out("checkpoints"),
        {
          epochs: { dtype: "i32", shape: [thetas.length], data: Int32Array.from(thetas.keys()) },
          theta: { dtype: objective.float, shape: [thetas.length, objective.numParams], data: thetas },
        },
        {
          eta: String(eta),
          seed: String(seed),
          network: objective.network.name,
          provenance: JSON.stringify(provenanceOf(context)),
        },
      );
    });
  },
});

/** How many θ share a program: enough to fill the cores, few enough for the activations of a large test set. */
const BATCH = 16;

async function accuracies(objective: Objective, thetas: readonly FloatArray[], split: string): Promise<number[]> {
  const result: number[] = [];
  for (let start = 0; start < thetas.length; start += BATCH) {
    const batch = thetas.slice(start, start + BATCH);
    const stacked = new Float64Array(batch.length * objective.numParams);
    batch.forEach((theta, i) => {
      stacked.set(theta, i * objective.numParams);
    });
    result.push(...(await objective.evaluate(stacked, split)).accuracy);
  }
  return result;
}
