/** What is drawn of how the eigenproblems were solved. */
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import spec from "./convergence.vl.json" with { type: "json" };
import type { ConvergenceTable, StageSolves } from "./curvature-tables.ts";
import { mean } from "./statistics.ts";
import { grouped } from "./studies.ts";

/** Both panels, or without a trajectory the one of the stages. */
export function convergenceSpec({ trajectory }: ConvergenceTable): FigureSpec {
  if (trajectory.length > 0) return spec;
  const [, stages] = spec.vconcat;
  return {
    ...spec,
    usermeta: {
      title: "How the image networks' eigenproblems were solved",
      caption:
        "Beyond the paper. The largest residual ‖Hv − λv‖/|λ₁| of each stage's solves over its tolerance, and how many there were; red where a solve ended without converging, which the label counts.",
    },
    vconcat: [{ ...stages, title: "Worst residual over tolerance" }],
  };
}

export function convergenceData({ stages, trajectory }: ConvergenceTable): Record<string, Rows> {
  return {
    ...(trajectory.length > 0 ? trajectoryData(trajectory) : {}),
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

function trajectoryData(trajectory: ConvergenceTable["trajectory"]): Record<string, Rows> {
  const both = trajectory.filter(({ cold }) => cold !== null);
  // The first solve of a trajectory has nothing to start from.
  const compared = both.filter(({ epoch }) => epoch !== trajectory[0]!.epoch);
  const [warm, cold] = [mean(compared.map((row) => row.warm)), mean(compared.map((row) => row.cold!))];
  const label = `where both were solved: ${cold.toFixed(1)} cold (diamonds), ${warm.toFixed(1)} warm (line)`;
  return {
    warm: trajectory.map(({ epoch, warm: matvecs }) => ({ epoch, matvecs })),
    cold: both.map(({ epoch, cold: matvecs }) => ({ epoch, matvecs })),
    means: [{ label: compared.length === 0 ? "" : label }],
  };
}

function labelOf({ count, matvecs, k, tol, unconverged }: StageSolves): string {
  if (count === 0) return "none to solve";
  const some = unconverged.length === 0 ? ", all converged" : "";
  const each = `, ${(matvecs / count).toFixed(1)} products each`;
  const failed = unconverged.filter(({ status }) => status === "max-matvecs").length;
  const diverged = unconverged.length - failed;
  return [
    `${grouped(count)} solve${count === 1 ? "" : "s"}${some}${each}; k = ${k}, tolerance ${tol}`,
    ...(failed > 0 ? [`${failed} not converged`] : []),
    ...(diverged > 0 ? [`${diverged} at a θ that diverged`] : []),
  ].join("; ");
}
