/** How sharp each trained model is, and how far its sharpest eigenvectors turned on the way (the paper's ρ). */
import { writeSafetensors } from "../src/formats/safetensors.ts";
import type { FloatArray } from "../src/numerics/float-array.ts";
import { initialise } from "../src/numerics/networks.ts";
import type { Objective } from "../src/numerics/objective.ts";
import { nestedSimilarities } from "../src/numerics/similarity.ts";
import { hessianEigenpairs } from "../src/numerics/spectrum.ts";
import type { TopEigenpairs } from "../src/numerics/top-eigenpairs.ts";
import { type BatchMember, defineStage } from "../src/stage.ts";
import type { ModelRow } from "./figures/model-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
import { provenanceOf, readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

export default defineStage({
  async runBatch(members) {
    const { network, k, tol } = paramsOf(members[0]!, { network: "sizes", k: "count", tol: "number" });
    await withObjective(members[0]!, network, async (objective) => {
      // A seed's initial eigenvectors are the same whatever the learning rate.
      const initial = new Map<number, Promise<TopEigenpairs>>();
      const atStart = (seed: number): Promise<TopEigenpairs> => {
        const known =
          initial.get(seed) ?? hessianEigenpairs(objective, initialise(objective.network, seed), k, { tol });
        initial.set(seed, known);
        return known;
      };
      for (const member of members) await member.settle(() => analyse(member, objective, atStart, { k, tol }));
    });
  },
});

async function analyse(
  member: BatchMember,
  objective: Objective,
  atStart: (seed: number) => Promise<TopEigenpairs>,
  { k, tol }: { readonly k: number; readonly tol: number },
): Promise<void> {
  const { eta, seed, ending } = readTable<ModelRow>(member, "model");
  const about = { eta, seed, k };
  const solves = solveTally({ k, tol });
  if (ending.reason !== "complete") {
    // The figures compare models that know their training set; where training did not end so there is nothing to compare.
    const none = { values: [], residuals: [], matvecs: 0, similarity: null };
    writeTable(member, "table", { ...about, ...none, solves: solves.summary() });
    return writeVectors(member, objective, []);
  }
  const trajectory = openTrajectory(member.dep("checkpoints").path);
  const [midpoint, final] = trajectory.epochs.map((epoch) => trajectory.at(epoch));
  const end = await hessianEigenpairs(objective, final!, k, { tol });
  const middle = await hessianEigenpairs(objective, midpoint!, k, { tol, warmStart: end.restartVectors });
  const start = await atStart(seed);
  for (const [where, pairs] of Object.entries({ start, middle, end })) {
    solves.add(pairs, where);
    if (pairs.status !== "converged") member.log(`${where}: ${pairs.status}, residuals ${pairs.residuals.join(", ")}`);
  }
  writeTable(member, "table", {
    ...about,
    values: end.values,
    residuals: end.residuals.map((residual) => residual / Math.abs(end.values[0]!)),
    matvecs: middle.numMatvecs + end.numMatvecs,
    similarity: {
      first: nestedSimilarities(start.vectors, end.vectors),
      midpoint: nestedSimilarities(middle.vectors, end.vectors),
    },
    solves: solves.summary(),
  });
  return writeVectors(member, objective, end.vectors);
}

function writeVectors(member: BatchMember, objective: Objective, vectors: readonly FloatArray[]): void {
  writeSafetensors(
    member.out("vectors"),
    { vectors: { dtype: objective.float, shape: [vectors.length, objective.numParams], data: vectors } },
    { provenance: JSON.stringify(provenanceOf(member)) },
  );
}
