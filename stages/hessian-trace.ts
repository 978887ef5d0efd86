/** The trace and the Frobenius norm of the Hessian along a trajectory. */
import { hessianTrace } from "../src/numerics/hessian-trace.ts";
import { defineStage } from "../src/stage.ts";
import type { TraceTable } from "./figures/curvature-tables.ts";
import { withObjective } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { openStridedTrajectory } from "./shared/strided-trajectory.ts";
import { writeTable } from "./shared/tables.ts";

export default defineStage({
  async run(context) {
    const { network, matvecs } = paramsOf(context, { network: "sizes", matvecs: "count" });
    const { eta, checkpoints, told } = openStridedTrajectory(context);
    await withObjective(context, network, async (objective) => {
      const rows: (TraceTable["rows"][number] & { readonly rank: number; readonly matvecs: number })[] = [];
      for (const { epoch, theta } of checkpoints()) {
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
        told(rows.length);
      }
      writeTable(context, "table", { eta, rows });
    });
  },
});
