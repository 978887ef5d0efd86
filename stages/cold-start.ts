/** The largest eigenvalues along a trajectory once more, each from a random vector: what a warm start saves. */
import { hessianEigenpairs } from "../src/numerics/spectrum.ts";
import { defineStage } from "../src/stage.ts";
import type { ColdTable } from "./figures/curvature-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
import { openStridedTrajectory } from "./shared/strided-trajectory.ts";
import { writeTable } from "./shared/tables.ts";

export default defineStage({
  async run(context) {
    const { network, k, tol } = paramsOf(context, { network: "sizes", k: "count", tol: "number" });
    const { eta, checkpoints, told } = openStridedTrajectory(context);
    await withObjective(context, network, async (objective) => {
      const solves = solveTally({ k, tol });
      const rows: ColdTable["rows"][number][] = [];
      for (const { epoch, theta } of checkpoints()) {
        const pairs = await hessianEigenpairs(objective, theta, k, { tol, confirm: false });
        solves.add(pairs, `epoch ${epoch}`);
        if (pairs.status === "not-finite") break;
        rows.push({ epoch, values: pairs.values, matvecs: pairs.numMatvecs });
        told(rows.length);
      }
      const table: ColdTable = { eta, rows };
      writeTable(context, "table", { ...table, k, solves: solves.summary() });
    });
  },
});
