/** The largest eigenvalues along a trajectory once more, each from a random vector: what a warm start saves. */
import { hessianEigenpairs } from "../src/numerics/spectrum.ts";
import { defineStage } from "../src/stage.ts";
import type { ColdTable } from "./figures/curvature-tables.ts";
import type { RunTable } from "./figures/mlp-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

export default defineStage({
  async run(context) {
    const { network, k, tol, stride } = paramsOf(context, {
      network: "sizes",
      k: "count",
      tol: "number",
      stride: "count",
    });
    const { eta } = readTable<RunTable>(context, "run");
    const trajectory = openTrajectory(context.dep("checkpoints").path);
    const wanted = trajectory.epochs.filter((epoch) => epoch % stride === 0);
    await withObjective(context, network, async (objective) => {
      const solves = solveTally({ k, tol });
      const rows: ColdTable["rows"][number][] = [];
      for (const { epoch, theta } of trajectory.checkpoints(wanted)) {
        const pairs = await hessianEigenpairs(objective, theta, k, { tol, confirm: false });
        solves.add(pairs, `epoch ${epoch}`);
        if (pairs.status === "not-finite") break;
        rows.push({ epoch, values: pairs.values, matvecs: pairs.numMatvecs });
        context.progress({ done: rows.length, total: wanted.length, unit: "checkpoints" });
      }
      const table: ColdTable = { eta, rows };
      writeTable(context, "table", { ...table, k, solves: solves.summary() });
    });
  },
});
