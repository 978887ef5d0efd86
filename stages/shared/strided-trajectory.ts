import type { Checkpoint } from "../../src/numerics/spectrum.ts";
import type { StageContext } from "../../src/stage.ts";
import type { RunTable } from "../figures/mlp-tables.ts";
import { paramsOf } from "./params.ts";
import { readTable } from "./tables.ts";
import { openTrajectory } from "./tensors.ts";

export interface StridedTrajectory {
  readonly eta: number;
  /** Those of every `stride`-th epoch. */
  checkpoints(): Generator<Checkpoint>;
  /** Tells how many of them are behind. */
  told(done: number): void;
}

/** What stages along a whole trajectory are given: deps `run` and `checkpoints`, param `stride`. */
export function openStridedTrajectory(context: StageContext): StridedTrajectory {
  const { stride } = paramsOf(context, { stride: "count" });
  const { eta } = readTable<RunTable>(context, "run");
  const trajectory = openTrajectory(context.dep("checkpoints").path);
  const wanted = trajectory.epochs.filter((epoch) => epoch % stride === 0);
  return {
    eta,
    checkpoints: () => trajectory.checkpoints(wanted),
    told: (done) => context.progress({ done, total: wanted.length, unit: "checkpoints" }),
  };
}
