/** How every eigenproblem of the pipeline was solved. */
import { readFileSync } from "node:fs";
import { type DepFile, defineStage, type StageContext } from "../src/stage.ts";
import type { ColdTable, ConvergenceTable, StageSolves } from "./figures/curvature-tables.ts";
import type { SharpnessTable } from "./figures/mlp-tables.ts";
import type { Solves } from "./shared/solves.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { metadataOf } from "./shared/tensors.ts";

/** Deps are named for the stages whose solves they hold; with `trajectory: true` these two hold a trajectory besides. */
const TRAJECTORY = "trajectory";
const COLD = "cold-start";

export default defineStage({
  async run(context) {
    const { stages, trajectory } = context.params as {
      readonly stages: readonly string[];
      readonly trajectory?: boolean;
    };
    const table: ConvergenceTable = {
      stages: stages.map((stage) => solvesOf(context, stage)),
      trajectory: trajectory === true ? trajectoryOf(context) : [],
    };
    for (const { stage, count, converged, matvecs } of table.stages)
      context.log(`${stage}: ${converged} of ${count} converged, ${matvecs} Hessian-vector products`);
    writeTable(context, "table", table);
  },
});

function trajectoryOf(context: StageContext): ConvergenceTable["trajectory"] {
  const cold = new Map(readTable<ColdTable>(context, COLD).rows.map((row) => [row.epoch, row]));
  return readTable<SharpnessTable>(context, TRAJECTORY).rows.map(({ epoch, values, matvecs }) => {
    const again = cold.get(epoch);
    return {
      epoch,
      warm: matvecs,
      cold: again?.matvecs ?? null,
      difference: again === undefined ? null : Math.abs(again.values[0]! / values[0]! - 1),
    };
  });
}

function solvesOf(context: StageContext, stage: string): StageSolves {
  const files = context.depAll(stage);
  const all = files.map((file) => ({ instance: nameOf(stage, file), solves: read(file) }));
  const sum = (of: (solves: Solves) => number): number => all.reduce((total, { solves }) => total + of(solves), 0);
  const unconverged = all.flatMap(({ instance, solves }) => solves.unconverged.map((each) => ({ instance, ...each })));
  const worst = all.flatMap(({ solves }) => solves.worst ?? []);
  const count = sum((solves) => solves.count);
  return {
    stage,
    instances: files.length,
    k: all[0]!.solves.k,
    tol: all[0]!.solves.tol,
    count,
    converged: count - unconverged.length,
    matvecs: sum(({ matvecs }) => matvecs),
    worst: worst.length === 0 ? null : Math.max(...worst),
    unconverged,
  };
}

function read({ path }: DepFile): Solves {
  if (path.endsWith(".safetensors")) return JSON.parse(metadataOf(path).solves!) as Solves;
  return (JSON.parse(readFileSync(path, "utf8")) as { readonly solves: Solves }).solves;
}

function nameOf(stage: string, { instance }: DepFile): string {
  const values = Object.entries(instance).map(([key, value]) => `${key}=${value}`);
  return values.length === 0 ? stage : `${stage}@${values.join(",")}`;
}
