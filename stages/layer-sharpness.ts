/** The sharpness of each layer along a trajectory: λ₁ of its diagonal block of the Hessian. */
import { type LayerEigenpairs, layerBlocks, layerEigenpairs } from "../src/numerics/layer-blocks.ts";
import { defineStage } from "../src/stage.ts";
import type { LayersTable } from "./figures/curvature-tables.ts";
import type { RunTable } from "./figures/mlp-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

export default defineStage({
  async run(context) {
    const { network, tol, stride } = paramsOf(context, { network: "sizes", tol: "number", stride: "count" });
    const { eta } = readTable<RunTable>(context, "run");
    const trajectory = openTrajectory(context.dep("checkpoints").path);
    const wanted = trajectory.epochs.filter((epoch) => epoch % stride === 0);
    await withObjective(context, network, async (objective) => {
      const solves = solveTally({ k: 1, tol });
      const rows: LayersTable["rows"][number][] = [];
      let before: LayerEigenpairs[] | undefined;
      for (const { epoch, theta } of trajectory.checkpoints(wanted)) {
        const found = await layerEigenpairs(objective, theta, 1, {
          tol,
          confirm: false,
          ...(before === undefined ? {} : { warmStart: before }),
        });
        for (const pairs of found) solves.add(pairs, `epoch ${epoch}, ${pairs.layer}`);
        if (found.some(({ status }) => status === "not-finite")) break;
        rows.push({ epoch, values: found.map(({ values }) => values[0]!) });
        before = found;
        context.progress({ done: rows.length, total: wanted.length, unit: "checkpoints" });
      }
      const layers = layerBlocks(objective.network).map(({ name, numParams }) => ({ name, parameters: numParams }));
      const table: LayersTable = { eta, threshold: 2 / eta, layers, rows };
      writeTable(context, "table", { ...table, solves: solves.summary() });
    });
  },
});
