/** The sharpness of each layer along a trajectory: λ₁ of its diagonal block of the Hessian. */
import { type LayerEigenpairs, layerBlocks, layerEigenpairs } from "../src/numerics/layer-blocks.ts";
import { defineStage } from "../src/stage.ts";
import type { LayersTable } from "./figures/curvature-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { solveTally } from "./shared/solves.ts";
import { openStridedTrajectory } from "./shared/strided-trajectory.ts";
import { writeTable } from "./shared/tables.ts";

export default defineStage({
  async run(context) {
    const { network, tol } = paramsOf(context, { network: "sizes", tol: "number" });
    const { eta, checkpoints, told } = openStridedTrajectory(context);
    await withObjective(context, network, async (objective) => {
      const solves = solveTally({ k: 1, tol });
      const rows: LayersTable["rows"][number][] = [];
      let before: LayerEigenpairs[] | undefined;
      for (const { epoch, theta } of checkpoints()) {
        const found = await layerEigenpairs(objective, theta, 1, {
          tol,
          confirm: false,
          ...(before === undefined ? {} : { warmStart: before }),
        });
        for (const pairs of found) solves.add(pairs, `epoch ${epoch}, ${pairs.layer}`);
        if (found.some(({ status }) => status === "not-finite")) break;
        rows.push({ epoch, values: found.map(({ values }) => values[0]!) });
        before = found;
        told(rows.length);
      }
      const layers = layerBlocks(objective.network).map(({ name, numParams }) => ({ name, parameters: numParams }));
      const table: LayersTable = { eta, threshold: 2 / eta, layers, rows };
      writeTable(context, "table", { ...table, solves: solves.summary() });
    });
  },
});
