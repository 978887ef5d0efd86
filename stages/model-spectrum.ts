/** How sharp each trained model is, and how far its sharpest eigenvectors turned on the way (the paper's ρ). */
import { defineStage } from "../src/stage.ts";
import type { ModelRow } from "./figures/model-tables.ts";
import { createInitialSpectra, writeFinalSpectrum } from "./shared/final-spectrum.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { readTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

export default defineStage({
  async runBatch(members) {
    const { network, k, tol } = paramsOf(members[0]!, { network: "sizes", k: "count", tol: "number" });
    await withObjective(members[0]!, network, async (objective) => {
      const initial = createInitialSpectra();
      for (const member of members)
        await member.settle(() => {
          const { eta, seed, ending } = readTable<ModelRow>(member, "model");
          const trajectory = openTrajectory(member.dep("checkpoints").path);
          const [midpoint, final] = trajectory.epochs.map((epoch) => trajectory.at(epoch));
          const thetas = ending.reason === "complete" ? { midpoint: midpoint!, final: final! } : undefined;
          return writeFinalSpectrum(member, objective, { eta, seed }, thetas, initial, { k, tol });
        });
    });
  },
});
