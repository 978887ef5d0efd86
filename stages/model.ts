/** MLPs of many learning rates and seeds, trained to completion side by side: what Figures 5a and 12a compare. */
import { writeSafetensors } from "../src/formats/safetensors.ts";
import type { FloatArray } from "../src/numerics/float-array.ts";
import { gradientDescent, type Run } from "../src/numerics/gradient-descent.ts";
import { initialise } from "../src/numerics/networks.ts";
import type { Objective } from "../src/numerics/objective.ts";
import type { Checkpoint } from "../src/numerics/spectrum.ts";
import { createThinned } from "../src/numerics/thinned.ts";
import { type BatchMember, defineStage } from "../src/stage.ts";
import { accuracies } from "./shared/accuracy.ts";
import { groupBy } from "./shared/group.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { finiteOrNull, provenanceOf, writeTable } from "./shared/tables.ts";

/** Epochs between candidates for the midpoint, of which 16 or more are kept: it lies within 1/32 of the run. */
const STRIDE = 20;
const KEPT = 32;

interface Wanted {
  readonly member: BatchMember;
  readonly eta: number;
  readonly seed: number;
  /** Epochs at most. */
  readonly limit: number;
}

export default defineStage({
  async runBatch(members) {
    const { network } = paramsOf(members[0]!, { network: "sizes" });
    await withObjective(members[0]!, network, async (objective) => {
      const groups = groupBy(members.map(wantedOf), ({ limit }) => limit);
      for (const [limit, group] of groups) await trainGroup(objective, limit, group);
    });
  },
});

/** A small learning rate needs epochs in proportion to 1/η: at least span/η are granted. */
function wantedOf(member: BatchMember): Wanted {
  const { eta, seed, epochs, span } = paramsOf(member, {
    eta: "number",
    seed: "count",
    epochs: "count",
    span: "number",
  });
  return { member, eta, seed, limit: Math.max(epochs, Math.ceil(span / eta)) };
}

async function trainGroup(objective: Objective, limit: number, group: readonly Wanted[]): Promise<void> {
  const kept = group.map(() => createThinned<Checkpoint>(KEPT));
  const runs = await gradientDescent(
    objective,
    group.map(({ eta, seed }) => ({ theta: initialise(objective.network, seed), rate: eta })),
    {
      epochs: limit,
      isCheckpoint: (epoch) => epoch % STRIDE === 0,
      onCheckpoint: (replica, epoch, theta) => kept[replica]!.add({ epoch, theta }),
      // The group advances together: its first member speaks for all.
      onProgress: (done) => group[0]!.member.progress({ done, total: limit, unit: "epochs" }),
    },
  );
  const finals = runs.map(({ theta }) => theta);
  const test = await accuracies(objective, finals, "test");
  const all = objective.splits.includes("all") ? await accuracies(objective, finals, "all") : undefined;
  for (const [i, { member, eta, seed }] of group.entries())
    await member.settle(() => {
      const { ending } = runs[i]!;
      const isLost = ending.reason === "diverged";
      writeTable(member, "table", {
        eta,
        seed,
        ending,
        loss: finiteOrNull(runs[i]!.loss.at(-1)!),
        trainAccuracy: runs[i]!.accuracy.at(-1)!,
        validationAccuracy: isLost ? null : test[i]!,
        validationAccuracyAll: isLost || all === undefined ? null : all[i]!,
      });
      const midpoint = middleOf(kept[i]!.values(), runs[i]!);
      writeThetas(member, objective, [midpoint, { epoch: ending.epoch, theta: finals[i]! }]);
    });
}

/** The kept checkpoint nearest to half of the run. */
function middleOf(kept: readonly Checkpoint[], { ending }: Run): Checkpoint {
  const distance = ({ epoch }: Checkpoint): number => Math.abs(epoch - ending.epoch / 2);
  return kept.reduce((best, checkpoint) => (distance(checkpoint) < distance(best) ? checkpoint : best));
}

function writeThetas(member: BatchMember, objective: Objective, [midpoint, final]: [Checkpoint, Checkpoint]): void {
  const thetas: readonly FloatArray[] = [midpoint.theta, final.theta];
  writeSafetensors(
    member.out("checkpoints"),
    {
      epochs: { dtype: "i32", shape: [2], data: Int32Array.of(midpoint.epoch, final.epoch) },
      theta: { dtype: objective.float, shape: [2, objective.numParams], data: thetas },
    },
    { network: objective.network.name, provenance: JSON.stringify(provenanceOf(member)) },
  );
}
