/** MLPs of many learning rates and seeds, trained to completion side by side: what Figures 5a and 12a compare. */
import { initialise } from "../src/numerics/networks.ts";
import type { Objective } from "../src/numerics/objective.ts";
import type { Run } from "../src/numerics/recorder.ts";
import type { Checkpoint } from "../src/numerics/spectrum.ts";
import { type BatchMember, defineStage } from "../src/stage.ts";
import { accuracies } from "./shared/accuracy.ts";
import { groupBy } from "./shared/group.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { finiteOrNull, writeTable } from "./shared/tables.ts";
import { trainTogether } from "./shared/training.ts";
import { writeCheckpoints } from "./shared/write-run.ts";

/** Epochs between candidates for the midpoint, of which 16 or more are kept: it lies within 1/32 of the run. */
const STRIDE = 20;
const KEPT = 32;
/** Epochs between saved states. */
const SAVE_EVERY = 500;

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
  const trained = await trainTogether(
    objective,
    group.map(({ member, eta, seed }) => ({
      context: member,
      theta: initialise(objective.network, seed),
      rate: eta,
    })),
    { epochs: limit, stride: STRIDE, capacity: KEPT, saveEvery: SAVE_EVERY },
  );
  const runs = trained.map(({ run }) => run);
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
      const midpoint = middleOf(trained[i]!.kept, runs[i]!);
      writeCheckpoints(member, objective, [midpoint, { epoch: ending.epoch, theta: finals[i]! }]);
    });
}

/** The kept checkpoint nearest to half of the run. */
function middleOf(kept: readonly Checkpoint[], { ending }: Run): Checkpoint {
  const distance = ({ epoch }: Checkpoint): number => Math.abs(epoch - ending.epoch / 2);
  return kept.reduce((best, checkpoint) => (distance(checkpoint) < distance(best) ? checkpoint : best));
}
