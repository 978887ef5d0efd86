import type { Plan, SlurmOptions } from "../plan.ts";

export const SLURM_DEFAULTS: SlurmOptions = {
  gres: "gpu",
  flags: [],
  poll: 10,
  jobs: 1000,
  array: 500,
  onInterrupt: "cancel",
};

export function slurmOptionsOf({ slurm }: Pick<Plan, "slurm">): SlurmOptions {
  return slurm ?? SLURM_DEFAULTS;
}
