import type { Resources } from "./plan.ts";

/** What the actions of a run share. */
export interface Budget {
  /** Cores: `--jobs`. */
  readonly cpu: number;
  /** Bytes. */
  readonly memory: number;
  /** Ids of devices. */
  readonly gpus: readonly string[];
}

/** What one action got of it. */
export interface Grant {
  readonly cpu: number;
  /** Bytes; `undefined` where none were asked for. */
  readonly memory: number | undefined;
  /** Ids of the devices that it may use, all or a part of each. */
  readonly gpus: readonly string[];
}

export interface Pool {
  /** Names of what is not free now, `[]` when `take` would succeed: `cpu`, `memory`, `gpu`, `mutex NAME`. */
  lacking(demand: Resources | undefined): readonly string[];
  /** Throws where something is lacking: that is a bug of the caller. */
  take(demand: Resources | undefined): Grant;
  free(demand: Resources | undefined, grant: Grant): void;
  /** How many such demands could be taken one after the other now, `most` at most. */
  room(demand: Resources | undefined, most: number): number;
}

/** Sums of fractions such as 0.1 come out a little off. */
const EPSILON = 1e-9;

export function openPool(budget: Budget): Pool {
  let { cpu, memory } = budget;
  const shares = new Map(budget.gpus.map((id) => [id, 1]));
  const mutexes = new Set<string>();

  const gpusFor = (demand: Resources | undefined): readonly string[] | undefined => {
    const gpu = gpuWanted(demand, budget);
    if (gpu === undefined) return [];
    const able = gpu.candidates.filter((id) => shares.get(id)! >= Math.min(1, gpu.amount) - EPSILON);
    // A part goes where it leaves the least: whole devices stay whole for those who need them.
    if (gpu.amount < 1) able.sort((a, b) => shares.get(a)! - shares.get(b)!);
    const count = Math.max(1, gpu.amount);
    return able.length < count ? undefined : able.slice(0, count);
  };
  const cpuFor = (demand: Resources | undefined): number => Math.min(demand?.cpu ?? 1, budget.cpu);

  const pool: Pool = {
    lacking: (demand) => [
      ...(cpuFor(demand) > cpu + EPSILON ? ["cpu"] : []),
      ...((demand?.memory ?? 0) > memory ? ["memory"] : []),
      ...(gpusFor(demand) === undefined ? ["gpu"] : []),
      ...(demand?.mutex ?? []).filter((name) => mutexes.has(name)).map((name) => `mutex ${name}`),
    ],
    take(demand) {
      const gpus = gpusFor(demand);
      if (gpus === undefined) throw new Error("no device is free");
      const grant = { cpu: cpuFor(demand), memory: demand?.memory, gpus };
      cpu -= grant.cpu;
      memory -= grant.memory ?? 0;
      for (const id of gpus) shares.set(id, shares.get(id)! - Math.min(1, demand!.gpu!.amount));
      for (const name of demand?.mutex ?? []) mutexes.add(name);
      return grant;
    },
    free(demand, grant) {
      cpu += grant.cpu;
      memory += grant.memory ?? 0;
      for (const id of grant.gpus) shares.set(id, shares.get(id)! + Math.min(1, demand!.gpu!.amount));
      for (const name of demand?.mutex ?? []) mutexes.delete(name);
    },
    room(demand, most) {
      const grants: Grant[] = [];
      while (grants.length < most && pool.lacking(demand).length === 0) grants.push(pool.take(demand));
      for (const grant of grants) pool.free(demand, grant);
      return grants.length;
    },
  };
  return pool;
}

/** Names of everything that a demand takes some of. */
export function namesIn(demand: Resources | undefined): readonly string[] {
  return [
    "cpu",
    ...(demand?.memory === undefined ? [] : ["memory"]),
    ...(demand?.gpu === undefined ? [] : ["gpu"]),
    ...(demand?.mutex ?? []).map((name) => `mutex ${name}`),
  ];
}

/** What of a demand no free machine of this size could give, in words; `undefined` when it fits. */
export function excessOf(demand: Resources | undefined, budget: Budget, cores: number): string | undefined {
  if (demand === undefined) return undefined;
  const { cpu = 1, memory = 0 } = demand;
  // Fewer --jobs than cores is a wish to leave some free: an action then gets all there are.
  if (cpu > Math.max(budget.cpu, cores)) return `${cpu} cpus, and the machine has ${cores}`;
  if (memory > budget.memory) return `${formatMemory(memory)} of memory, and there are ${formatMemory(budget.memory)}`;
  const gpu = gpuWanted(demand, budget);
  if (gpu === undefined || gpu.candidates.length >= gpu.amount) return undefined;
  const wanted = demand.gpu!.of === undefined ? "" : ` of ${demand.gpu!.of.join(", ")}`;
  const has = budget.gpus.length === 0 ? "none was found" : `the run has ${budget.gpus.join(", ")}`;
  return `${gpu.amount} gpu${wanted}, and ${has}`;
}

function gpuWanted(
  demand: Resources | undefined,
  { gpus }: Budget,
): { readonly amount: number; readonly candidates: readonly string[] } | undefined {
  if (demand?.gpu === undefined) return undefined;
  const { amount, of, optional = false } = demand.gpu;
  const candidates = of === undefined ? gpus : gpus.filter((id) => of.includes(id));
  return optional && candidates.length < amount ? undefined : { amount, candidates };
}

const UNITS: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4 };

/** Bytes of `2GB` (10⁹), `512 MiB` (2²⁰) or a plain number; `undefined` for anything else. */
export function parseMemory(text: string | number): number | undefined {
  const [, number, unit = "", binary] = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?))?b?\s*$/i.exec(String(text)) ?? [];
  if (number === undefined) return undefined;
  const bytes = Number(number) * (binary ? 1024 : 1000) ** (UNITS[unit.toLowerCase()] ?? 0);
  return bytes > 0 ? Math.round(bytes) : undefined;
}

function formatMemory(bytes: number): string {
  return `${Math.round(bytes / 1e7) / 100} GB`;
}
