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

/** What other processes of this machine respect as well: devices (`gpu 0`) and mutexes (`mutex port`), each one process's at a time. */
export interface Claims {
  /** Takes it without waiting; who has it where that is somebody else. */
  take(name: string): "taken" | { readonly holder: string };
  release(name: string): void;
}

export interface Pool {
  /** Names of what is not free now, `[]` when `take` would succeed here: `cpu`, `memory`, `gpu`, `mutex NAME`. */
  lacking(demand: Resources | undefined): readonly string[];
  /** `undefined` where another process of the machine has what is free here: it is lacking until `recheck`. */
  take(demand: Resources | undefined): Grant | undefined;
  free(demand: Resources | undefined, grant: Grant): void;
  /** How many such demands could be taken one after the other now, `most` at most and 1 at least. */
  room(demand: Resources | undefined, most: number): number;
  /** Counts a demand as taken until the function that it returns is called. */
  setAside(demand: Resources | undefined): () => void;
  /** What was found in other hands since the last `recheck`, and whose. */
  readonly elsewhere: ReadonlyMap<string, string>;
  recheck(): void;
}

/** Sums of fractions such as 0.1 come out a little off. */
const EPSILON = 1e-9;

/** Parts of a device are shared within this process; towards others the device is whole. */
export function openPool(budget: Budget, claims?: Claims): Pool {
  let { cpu, memory } = budget;
  const shares = new Map(budget.gpus.map((id) => [id, 1]));
  const mutexes = new Set<string>();
  const elsewhere = new Map<string, string>();

  const gpusFor = (demand: Resources | undefined): readonly string[] | undefined => {
    const gpu = gpuWanted(demand, budget);
    if (gpu === undefined) return [];
    const least = Math.min(1, gpu.amount) - EPSILON;
    const able = gpu.candidates.filter((id) => shares.get(id)! >= least && !elsewhere.has(`gpu ${id}`));
    // A part goes where it leaves the least: whole devices stay whole for those who need them.
    if (gpu.amount < 1) able.sort((a, b) => shares.get(a)! - shares.get(b)!);
    const count = Math.max(1, gpu.amount);
    return able.length < count ? undefined : able.slice(0, count);
  };
  const cpuFor = (demand: Resources | undefined): number => Math.min(demand?.cpu ?? 1, budget.cpu);
  const lacking = (demand: Resources | undefined): readonly string[] => [
    ...(cpuFor(demand) > cpu + EPSILON ? ["cpu"] : []),
    ...((demand?.memory ?? 0) > memory ? ["memory"] : []),
    ...(gpusFor(demand) === undefined ? ["gpu"] : []),
    ...(demand?.mutex ?? []).map((name) => `mutex ${name}`).filter((name) => mutexes.has(name) || elsewhere.has(name)),
  ];
  const occupy = (demand: Resources | undefined, gpus: readonly string[]): Grant => {
    const grant = { cpu: cpuFor(demand), memory: demand?.memory, gpus };
    cpu -= grant.cpu;
    memory -= grant.memory ?? 0;
    for (const id of gpus) shares.set(id, shares.get(id)! - Math.min(1, demand!.gpu!.amount));
    for (const name of demand?.mutex ?? []) mutexes.add(`mutex ${name}`);
    return grant;
  };
  const vacate = (demand: Resources | undefined, grant: Grant): void => {
    cpu += grant.cpu;
    memory += grant.memory ?? 0;
    for (const id of grant.gpus) shares.set(id, shares.get(id)! + Math.min(1, demand!.gpu!.amount));
    for (const name of demand?.mutex ?? []) mutexes.delete(`mutex ${name}`);
  };
  const isWhole = (id: string): boolean => shares.get(id)! > 1 - EPSILON;
  const setAside = (demand: Resources | undefined): (() => void) => {
    const grant = occupy(demand, gpusFor(demand) ?? []);
    return () => vacate(demand, grant);
  };
  /** All of these or none: nobody waits with something in hand. */
  const claim = (names: readonly string[]): boolean => {
    const taken: string[] = [];
    for (const name of names) {
      const answer = claims?.take(name) ?? "taken";
      if (answer === "taken") {
        taken.push(name);
        continue;
      }
      elsewhere.set(name, answer.holder);
      for (const each of taken) claims?.release(each);
      return false;
    }
    return true;
  };

  return {
    lacking,
    take(demand) {
      // Where a device is another process's, a further one may do.
      for (let gpus = gpusFor(demand); gpus !== undefined; gpus = gpusFor(demand)) {
        const names = (demand?.mutex ?? []).map((name) => `mutex ${name}`);
        if (names.some((name) => elsewhere.has(name))) return undefined;
        names.push(...gpus.filter(isWhole).map((id) => `gpu ${id}`));
        if (claim(names)) return occupy(demand, gpus);
      }
      return undefined;
    },
    free(demand, grant) {
      vacate(demand, grant);
      for (const name of demand?.mutex ?? []) claims?.release(`mutex ${name}`);
      for (const id of grant.gpus) if (isWhole(id)) claims?.release(`gpu ${id}`);
    },
    room(demand, most) {
      const undo: (() => void)[] = [];
      while (undo.length < most && lacking(demand).length === 0) undo.push(setAside(demand));
      for (const back of undo) back();
      return Math.max(1, undo.length);
    },
    setAside,
    elsewhere,
    recheck: () => elsewhere.clear(),
  };
}

/** Names of everything that a demand takes some of. */
export function resourceNames(demand: Resources | undefined): readonly string[] {
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
