import type { JobOptions, Plan, SlurmOptions } from "../plan/plan.ts";

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

/** What a stage's jobs are submitted with: with so many devices, or none. */
export function jobOptionsOf(options: SlurmOptions, stage: string | undefined, gpus: number): JobOptions {
  const { cpu = {}, stages = {} } = options;
  const own = stage !== undefined && Object.hasOwn(stages, stage) ? stages[stage] : {};
  return { ...options, ...(gpus === 0 ? cpu : {}), ...own };
}

/** Some options over others, mapping by mapping. */
export function over(options: Partial<SlurmOptions>, own: Partial<SlurmOptions>): Partial<SlurmOptions> {
  const { cpu, stages = {} } = own;
  const names = new Set([...Object.keys(options.stages ?? {}), ...Object.keys(stages)]);
  const merged = [...names].map((name) => [name, { ...options.stages?.[name], ...stages[name] }]);
  return {
    ...options,
    ...own,
    ...(cpu === undefined ? {} : { cpu: { ...options.cpu, ...cpu } }),
    ...(names.size === 0 ? {} : { stages: Object.fromEntries(merged) }),
  };
}
