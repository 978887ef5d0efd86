/** MLPs by full-batch gradient descent, with a checkpoint every epoch: the instances of a batch are replicas of one program. */
import { initialise } from "../src/numerics/networks.ts";
import type { Objective } from "../src/numerics/objective.ts";
import { type BatchMember, defineStage } from "../src/stage.ts";
import { groupBy } from "./shared/group.ts";
import { withObjectives } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { trainTogether } from "./shared/training.ts";
import { writeRun } from "./shared/write-run.ts";

/** Epochs between saved states. */
const SAVE_EVERY = 50;

interface Instance {
  readonly member: BatchMember;
  readonly seed: number;
  readonly eta: number;
  readonly epochs: number;
  readonly objective: Objective;
}

export default defineStage({
  async runBatch(members) {
    await withObjectives(async (objectives) => {
      const trainings: Instance[] = [];
      for (const member of members) {
        const { network, ...rest } = paramsOf(member, {
          network: "sizes",
          seed: "count",
          eta: "number",
          epochs: "count",
        });
        trainings.push({ member, ...rest, objective: await objectives(member, network) });
      }
      // Those of one network, data set and length train in one program.
      for (const ofObjective of groupBy(trainings, ({ objective }) => objective).values())
        for (const group of groupBy(ofObjective, ({ epochs }) => epochs).values()) await train(group);
    });
  },
});

async function train(group: readonly Instance[]): Promise<void> {
  const { objective, epochs } = group[0]!;
  const trained = await trainTogether(
    objective,
    group.map(({ member, seed, eta }) => ({
      context: member,
      theta: initialise(objective.network, seed),
      rate: eta,
    })),
    { epochs, stride: 1, saveEvery: SAVE_EVERY },
  );
  for (const [i, { member, seed, eta }] of group.entries())
    await member.settle(() => writeRun(member, objective, { seed, eta }, trained[i]!));
}
