/** The trace and the Frobenius norm of the Hessian along a trajectory. */
import { hessianTrace } from "../src/numerics/hessian-trace.ts";
import { defineStage } from "../src/stage.ts";
import type { TraceTable } from "./figures/curvature-tables.ts";
import type { RunTable } from "./figures/mlp-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

export default defineStage({
  async run(context) {
    const { network, matvecs, stride } = paramsOf(context, { network: "sizes", matvecs: "count", stride: "count" });
    const { eta } = readTable<RunTable>(context, "run");
    const trajectory = openTrajectory(context.dep("checkpoints").path);
    const wanted = trajectory.epochs.filter((epoch) => epoch % stride === 0);
    await withObjective(context, network, async (objective) => {
      const rows: (TraceTable["rows"][number] & { readonly rank: number; readonly matvecs: number })[] = [];
      for (const { epoch, theta } of trajectory.checkpoints(wanted)) {
        const { trace, squaredNorm, rank, numMatvecs, status } = await hessianTrace(objective, theta, { matvecs });
        if (status === "not-finite") break;
        rows.push({
          epoch,
          trace: trace.value,
          traceError: trace.error,
          squaredNorm: squaredNorm.value,
          squaredNormError: squaredNorm.error,
          rank,
          matvecs: numMatvecs,
        });
        context.progress({ done: rows.length, total: wanted.length, unit: "checkpoints" });
      }
      writeTable(context, "table", { eta, rows });
    });
  },
});
