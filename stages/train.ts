/** MLPs by full-batch gradient descent, with a checkpoint every epoch: the instances of a batch are replicas of one program. */
import { writeSafetensors } from "../src/formats/safetensors.ts";
import type { FloatArray } from "../src/numerics/float-array.ts";
import { gradientDescent, type Run } from "../src/numerics/gradient-descent.ts";
import { initialise } from "../src/numerics/networks.ts";
import type { Objective } from "../src/numerics/objective.ts";
import { type BatchMember, defineStage, type StageContext } from "../src/stage.ts";
import { accuracies } from "./shared/accuracy.ts";
import { groupBy } from "./shared/group.ts";
import { withObjectives } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { finiteOrNull, provenanceOf, writeTable } from "./shared/tables.ts";

interface Training {
  readonly member: BatchMember;
  readonly seed: number;
  readonly eta: number;
  readonly epochs: number;
  readonly objective: Objective;
}

export default defineStage({
  async runBatch(members) {
    await withObjectives(async (objectives) => {
      const trainings: Training[] = [];
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

async function train(group: readonly Training[]): Promise<void> {
  const { objective, epochs } = group[0]!;
  const thetas = group.map((): FloatArray[] => []);
  const runs = await gradientDescent(
    objective,
    group.map(({ seed, eta }) => ({ theta: initialise(objective.network, seed), rate: eta })),
    {
      epochs,
      isCheckpoint: () => true,
      onCheckpoint: (replica, epoch, theta) => {
        thetas[replica]![epoch] = theta;
      },
      onProgress: (done) => {
        for (const { member } of group) member.progress({ done, total: epochs, unit: "epochs" });
      },
    },
  );
  for (const [replica, training] of group.entries())
    await training.member.settle(() => write(training, runs[replica]!, thetas[replica]!));
}

async function write({ member, seed, eta, objective }: Training, run: Run, thetas: FloatArray[]): Promise<void> {
  const context: StageContext = member;
  const { loss, accuracy, gradientNorm, ending } = run;
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
}
