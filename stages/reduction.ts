/** Training whose learning rate is reduced at some epoch, to its completion: the checkpoints since then, thinned. */
import { initialise } from "../src/numerics/networks.ts";
import type { Objective } from "../src/numerics/objective.ts";
import { type BatchMember, defineStage } from "../src/stage.ts";
import { groupBy } from "./shared/group.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { finiteOrNull, writeTable } from "./shared/tables.ts";
import { type Trained, trainTogether } from "./shared/training.ts";
import { writeCheckpoints } from "./shared/write-run.ts";

/** Epochs between saved states. */
const SAVE_EVERY = 500;

interface Reduction {
  readonly member: BatchMember;
  readonly before: number;
  readonly at: number;
  readonly after: number;
  readonly seed: number;
  /** Epochs at most. */
  readonly epochs: number;
  /** Epochs between candidates for a checkpoint, and how many of them are kept at most. */
  readonly stride: number;
  readonly kept: number;
}

export default defineStage({
  async runBatch(members) {
    const { network } = paramsOf(members[0]!, { network: "sizes" });
    await withObjective(members[0]!, network, async (objective) => {
      const groups = groupBy(members.map(reductionOf), ({ epochs, stride, kept }) => `${epochs} ${stride} ${kept}`);
      for (const group of groups.values()) await train(objective, group);
    });
  },
});

function reductionOf(member: BatchMember): Reduction {
  return {
    member,
    ...paramsOf(member, {
      before: "number",
      at: "count",
      after: "number",
      seed: "count",
      epochs: "count",
      stride: "count",
      kept: "count",
    }),
  };
}

async function train(objective: Objective, group: readonly Reduction[]): Promise<void> {
  const { epochs, stride, kept: capacity } = group[0]!;
  const trained = await trainTogether(
    objective,
    group.map(({ member, before, at, after, seed }) => ({
      context: member,
      theta: initialise(objective.network, seed),
      rate: { before, at, after },
      keepFrom: at,
    })),
    { epochs, stride, capacity, saveEvery: SAVE_EVERY },
  );
  for (const [i, reduction] of group.entries())
    await reduction.member.settle(() => write(objective, reduction, trained[i]!));
}

function write(
  objective: Objective,
  { member, before, at, after, seed }: Reduction,
  { run: { ending, loss, accuracy, theta }, kept }: Trained,
): void {
  member.log(`η = ${before} until ${at}, then ${after}: ${ending.reason} at epoch ${ending.epoch}`);
  writeTable(member, "run", {
    before,
    at,
    after,
    seed,
    ending,
    loss: finiteOrNull(loss.at(-1)!),
    trainAccuracy: accuracy.at(-1)!,
  });
  const final = { epoch: ending.epoch, theta };
  writeCheckpoints(member, objective, kept.at(-1)?.epoch === ending.epoch ? kept : [...kept, final]);
}
