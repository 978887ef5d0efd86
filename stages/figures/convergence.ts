/** What is drawn of how the eigenproblems were solved. */
import type { Rows } from "../../src/figures/compile.ts";
import type { ConvergenceTable, StageSolves } from "./curvature-tables.ts";
import { mean } from "./statistics.ts";

export function convergenceData({ stages, trajectory }: ConvergenceTable): Record<string, Rows> {
  const both = trajectory.filter(({ cold }) => cold !== null);
  // The first solve of a trajectory has nothing to start from.
  const warm = mean(both.slice(1).map((row) => row.warm));
  const cold = mean(both.slice(1).map((row) => row.cold!));
  return {
    warm: trajectory.map(({ epoch, warm: matvecs }) => ({ epoch, matvecs })),
    cold: both.map(({ epoch, cold: matvecs }) => ({ epoch, matvecs })),
    means: [{ label: `where both were solved: ${cold.toFixed(1)} cold, ${warm.toFixed(1)} warm` }],
    one: [{ ratio: 1 }],
    stages: stages.map((each) => ({
      stage: each.stage,
      // Nothing to show where training ended in no model; 1 keeps its line.
      ratio: each.worst === null ? 1 : each.worst / each.tol,
      outcome: each.converged === each.count ? "converged" : "not all",
      label: labelOf(each),
    })),
  };
}

function labelOf({ count, matvecs, k, tol, unconverged }: StageSolves): string {
  const some = unconverged.length === 0 ? ", all converged" : "";
  const each = count === 0 ? "" : `, ${(matvecs / count).toFixed(1)} products each`;
  const failed = unconverged.filter(({ status }) => status === "max-matvecs").length;
  const diverged = unconverged.length - failed;
  return [
    `${count} solve${count === 1 ? "" : "s"}${some}${each}; k = ${k}, tolerance ${tol}`,
    ...(failed > 0 ? [`${failed} not converged`] : []),
    ...(diverged > 0 ? [`${diverged} at a θ that diverged`] : []),
  ].join("; ");
}
