import type { Environment } from "../plan/environment.ts";
import type { Instance, Plan, SlurmOptions } from "../plan/plan.ts";
import { ask } from "./ask.ts";

/** How many devices jobs ask for. */
export interface Gpus {
  of(instance: Instance): Promise<number>;
  /** What a platform's facts are asked with: the most that a stage which names it declares. */
  ofPlatform(name: string): Promise<number>;
}

/**
 * A stage that names a platform gets that platform's devices, whatever it declares: its key says what they are, and so they
 * must be there. What is `optional` is asked for where the partition has any.
 */
export function openGpus({ instances }: Plan, { partition, gres }: SlurmOptions, environment: Environment): Gpus {
  let found: Promise<boolean> | undefined;
  const partitionHasAny = (): Promise<boolean> => {
    const where = partition === undefined ? [] : [`--partition=${partition}`];
    found ??= ask(environment, "sinfo", ["--noheader", "--format=%G", ...where]).then((text = "") =>
      new RegExp(`(^|[\\n,])${gres.split(":")[0]}:`).test(text),
    );
    return found;
  };
  const own = async ({ resources }: Instance): Promise<number> => {
    const { gpu } = resources ?? {};
    if (gpu === undefined || (gpu.optional === true && !(await partitionHasAny()))) return 0;
    return Math.ceil(gpu.amount);
  };
  const platforms = new Map<string, Promise<number>>();
  const ofPlatform = (name: string): Promise<number> => {
    const known =
      platforms.get(name) ??
      Promise.all(instances.filter(({ platform }) => platform === name).map(own)).then((all) => Math.max(0, ...all));
    platforms.set(name, known);
    return known;
  };
  return {
    of: async (instance) =>
      Math.max(await own(instance), instance.platform === undefined ? 0 : await ofPlatform(instance.platform)),
    ofPlatform,
  };
}
