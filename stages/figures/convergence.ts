/** What is drawn of how the eigenproblems were solved. */
import type { Rows } from "../../src/figures/compile.ts";
import type { ConvergenceTable, StageSolves } from "./curvature-tables.ts";
import { mean } from "./statistics.ts";

export function convergenceData({ stages, trajectory }: ConvergenceTable): Record<string, Rows> {
  const both = trajectory.filter(({ cold }) => cold !== null);
  // The first solve of a trajectory has nothing to start from.
  const compared = both.filter(({ epoch }) => epoch !== trajectory[0]!.epoch);
  const [warm, cold] = [mean(compared.map((row) => row.warm)), mean(compared.map((row) => row.cold!))];
  return {
    warm: trajectory.map(({ epoch, warm: matvecs }) => ({ epoch, matvecs })),
    cold: both.map(({ epoch, cold: matvecs }) => ({ epoch, matvecs })),
    means: [
      {
        label: compared.length === 0 ? "" : `where both were solved: ${cold.toFixed(1)} cold, ${warm.toFixed(1)} warm`,
      },
    ],
    one: [{ ratio: 1 }],
    stages: stages.map((each) => ({
      stage: each.stage,
      // Where no solve ended in finite numbers there is only the line of text.
      ratio: each.worst === null ? null : each.worst / each.tol,
      outcome: each.converged === each.count ? "converged" : "not all",
      label: labelOf(each),
    })),
  };
}

function labelOf({ count, matvecs, k, tol, unconverged }: StageSolves): string {
  if (count === 0) return "none to solve";
  const some = unconverged.length === 0 ? ", all converged" : "";
  const each = `, ${(matvecs / count).toFixed(1)} products each`;
  const failed = unconverged.filter(({ status }) => status === "max-matvecs").length;
  const diverged = unconverged.length - failed;
  return [
    `${count} solve${count === 1 ? "" : "s"}${some}${each}; k = ${k}, tolerance ${tol}`,
    ...(failed > 0 ? [`${failed} not converged`] : []),
    ...(diverged > 0 ? [`${diverged} at a θ that diverged`] : []),
  ].join("; ");
}
