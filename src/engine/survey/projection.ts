import type { Environment } from "../plan/environment.ts";
import type { Instance, InstanceName, Plan, Resources } from "../plan/plan.ts";
import type { PlanFailure } from "../plan/plan-failure.ts";
import { closureOf } from "../plan/targets.ts";
import { expectedSeconds } from "./expected.ts";
import { forecastSeconds } from "./forecast.ts";
import { looking } from "./looking.ts";
import { togetherOf } from "./queue.ts";
import { producersOf } from "./survey.ts";
import type { Task } from "./task.ts";

/** One stage of a projection; sums over the instances of which anything is known. */
export interface ProjectedStage {
  readonly stage: string;
  readonly instances: number;
  /** Of processes. */
  readonly seconds: number;
  /** The seconds of the devices that its processes hold: one each, unless `resources: { gpu }` says otherwise. */
  readonly deviceSeconds: number;
  /** Of outs, in the cache. */
  readonly bytes: number;
  /** Instances that were never timed, nor others of their stage; and those of whose size nothing is known. */
  readonly untimed: number;
  readonly unsized: number;
}

/** The same work on so many devices. */
export interface ProjectedRun {
  readonly devices: number;
  readonly seconds: number;
  /** The share of the devices' time that is used. */
  readonly busy: number;
}

/** What a whole plan takes when nothing of it is cached, by what was measured. */
export interface Projection {
  readonly profile: string;
  readonly instances: number;
  readonly stages: readonly ProjectedStage[];
  readonly seconds: number;
  readonly deviceSeconds: number;
  readonly bytes: number;
  readonly untimed: number;
  readonly unsized: number;
  readonly runs: readonly ProjectedRun[];
  /** The chain of instances that takes the longest: no number of devices is faster. */
  readonly critical: readonly { readonly instance: InstanceName; readonly seconds: number }[];
  readonly criticalSeconds: number;
}

/** Plays the schedule of the targets, everything they depend on included, with so many devices each. */
export async function project(
  plan: Plan,
  targets: readonly InstanceName[],
  environment: Environment,
  devices: readonly number[],
): Promise<Projection | PlanFailure> {
  const instances = targets.length === 0 ? plan.instances : closureOf(plan, targets);
  return looking(plan, instances, environment, {}, (engine, inputs) => {
    const seconds = expectedSeconds(engine, inputs, instances);
    const bytes = new Map<InstanceName, number>();
    for (const { name } of instances) {
      const outs = engine.history.get(name)?.outs;
      if (outs !== undefined)
        bytes.set(
          name,
          Object.values(outs).reduce((sum, out) => sum + out.bytes, 0),
        );
    }
    return projectionOf(plan.profile, instances, { seconds, bytes: withMeans(instances, bytes) }, devices);
  });
}

export interface Measured {
  readonly seconds: ReadonlyMap<InstanceName, number>;
  readonly bytes: ReadonlyMap<InstanceName, number>;
}

export function projectionOf(
  profile: string,
  instances: readonly Instance[],
  { seconds, bytes }: Measured,
  devices: readonly number[],
): Projection {
  const stages = new Map<string, ProjectedStage>();
  for (const { name, stage, resources } of instances) {
    const before = stages.get(stage) ?? NOTHING;
    const own = seconds.get(name) ?? 0;
    stages.set(stage, {
      stage,
      instances: before.instances + 1,
      seconds: before.seconds + own,
      deviceSeconds: before.deviceSeconds + own * sharesOf(resources),
      bytes: before.bytes + (bytes.get(name) ?? 0),
      untimed: before.untimed + (seconds.has(name) ? 0 : 1),
      unsized: before.unsized + (bytes.has(name) ? 0 : 1),
    });
  }
  const all = [...stages.values()];
  const sum = (of: (stage: ProjectedStage) => number): number => all.reduce((total, stage) => total + of(stage), 0);
  const deviceSeconds = sum((stage) => stage.deviceSeconds);
  const tasks = instances.map(
    (instance): Task => ({
      name: instance.name,
      producers: producersOf(instance),
      seconds: seconds.get(instance.name) ?? 0,
      demand: { cpu: sharesOf(instance.resources) },
      together: togetherOf(instance),
    }),
  );
  const critical = criticalChain(tasks);
  return {
    profile,
    instances: instances.length,
    stages: all,
    seconds: sum((stage) => stage.seconds),
    deviceSeconds,
    bytes: sum((stage) => stage.bytes),
    untimed: sum((stage) => stage.untimed),
    unsized: sum((stage) => stage.unsized),
    runs: devices.map((count) => {
      const takes = forecastSeconds(tasks, { cpu: count, memory: Number.POSITIVE_INFINITY, gpus: [] });
      return { devices: count, seconds: takes, busy: takes === 0 ? 0 : deviceSeconds / (takes * count) };
    }),
    critical,
    criticalSeconds: critical.reduce((total, link) => total + link.seconds, 0),
  };
}

const NOTHING = { instances: 0, seconds: 0, deviceSeconds: 0, bytes: 0, untimed: 0, unsized: 0 };

/** A process has one device to itself, unless it says how much of one, or of how many, it takes. */
function sharesOf(resources: Resources | undefined): number {
  return resources?.gpu?.amount ?? 1;
}

/** Tasks come producers first. What takes no time is no part of the chain. */
function criticalChain(tasks: readonly Task[]): Projection["critical"] {
  const ends = new Map<InstanceName, { readonly at: number; readonly after: InstanceName | undefined }>();
  const secondsOf = new Map(tasks.map(({ name, seconds }) => [name, seconds]));
  let last: InstanceName | undefined;
  for (const { name, producers, seconds } of tasks) {
    let after: InstanceName | undefined;
    for (const producer of producers) {
      const end = ends.get(producer);
      if (end !== undefined && (after === undefined || end.at > ends.get(after)!.at)) after = producer;
    }
    ends.set(name, { at: seconds + (after === undefined ? 0 : ends.get(after)!.at), after });
    if (last === undefined || ends.get(name)!.at > ends.get(last)!.at) last = name;
  }
  const chain: { instance: InstanceName; seconds: number }[] = [];
  for (let name = last; name !== undefined; name = ends.get(name)!.after)
    chain.unshift({ instance: name, seconds: secondsOf.get(name)! });
  return chain.filter(({ seconds }) => seconds > 0);
}

/** What has no size of its own is taken to be like the others of its stage. */
function withMeans(
  instances: readonly Instance[],
  known: ReadonlyMap<InstanceName, number>,
): ReadonlyMap<InstanceName, number> {
  const ofStage = new Map<string, number[]>();
  for (const { name, stage } of instances) {
    const own = known.get(name);
    if (own !== undefined) ofStage.set(stage, [...(ofStage.get(stage) ?? []), own]);
  }
  const all = new Map(known);
  for (const { name, stage } of instances) {
    const others = ofStage.get(stage);
    if (!all.has(name) && others !== undefined)
      all.set(name, others.reduce((sum, value) => sum + value, 0) / others.length);
  }
  return all;
}
