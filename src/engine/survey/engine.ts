import type { Host } from "../actions/action.ts";
import { type ActionCache, openActionCache } from "../cache/action-cache.ts";
import { type Cas, openCas } from "../cache/cas.ts";
import { type History, openHistory } from "../cache/history.ts";
import { type Materialiser, openMaterialiser } from "../cache/materialise.ts";
import type { Sightings } from "../files/sightings.ts";
import { openStatIndex, type StatIndex } from "../files/stat-index.ts";
import { openStore, type Store } from "../files/store.ts";
import { type CodeReader, openCodeReader } from "../keys/code-digest.ts";
import type { Facts } from "../keys/facts.ts";
import { type Inputs, readInputs } from "../keys/inputs.ts";
import { openPlatformReader, type PlatformReader, platformOf } from "../keys/platform.ts";
import type { Environment } from "../plan/environment.ts";
import type { Instance, Plan } from "../plan/plan.ts";
import { isPlanFailure, type PlanFailure } from "../plan/plan-failure.ts";
import type { Remote } from "../remote/remote.ts";
import { type Costs, openCosts } from "./costs.ts";

/** What one process has open of a workspace. */
export interface Engine {
  readonly plan: Plan;
  readonly environment: Environment;
  readonly store: Store;
  readonly files: StatIndex;
  readonly code: CodeReader;
  readonly cas: Cas;
  readonly actions: ActionCache;
  readonly history: History;
  readonly costs: Costs;
  readonly artifacts: Materialiser;
  readonly platforms: PlatformReader;
  /** Where somebody wants to know what all this rests on. */
  readonly sightings: Sightings | undefined;
  /** Where one is to be used. */
  readonly remote?: Remote;
  /** Tells a sentence once. */
  readonly warn: (message: string) => void;
}

/** The memos that say what is up to date: whoever removes one wants to have it looked at again. */
const MEMOS = ["files", "code", "history", "platforms", "recorded"];

export type OpenRemote = (store: Store, cas: Cas) => Remote;

export function openEngine(
  plan: Plan,
  environment: Environment,
  signal: AbortSignal,
  warn: (message: string) => void,
  {
    trustFiles = true,
    asks = false,
    remote,
    sightings,
  }: {
    readonly trustFiles?: boolean;
    readonly asks?: boolean;
    readonly remote?: OpenRemote | undefined;
    readonly sightings?: Sightings | undefined;
  } = {},
): Engine {
  const store = openStore(plan.workspace);
  for (const memo of MEMOS) sightings?.willRead(store.index(memo));
  const files = openStatIndex(store, trustFiles, sightings);
  const code = openCodeReader(store, files, sightings);
  const cas = openCas(store);
  return {
    plan,
    environment,
    store,
    files,
    code,
    cas,
    actions: openActionCache(store, warn),
    history: openHistory(store),
    costs: openCosts(store),
    artifacts: openMaterialiser(store, cas, files, sightings),
    platforms:
      plan.executor === "slurm"
        ? clusterReader({ plan, store, code, environment }, signal, asks)
        : openPlatformReader(plan, store, code, environment, signal, { sightings }),
    sightings,
    warn,
    ...(remote === undefined ? {} : { remote: remote(store, cas) }),
  };
}

/** What the nodes of a cluster say. Loaded where somebody asks. */
function clusterReader(host: Host, signal: AbortSignal, asks: boolean): PlatformReader {
  return {
    async read(name) {
      const { clusterFacts } = await import("../slurm/facts.ts");
      return clusterFacts(host, platformOf(host.plan, name), signal, asks);
    },
    save: () => undefined,
  };
}

/** Reads what decides the results of these instances, apart from each other's outs. */
export async function inputsOf(engine: Engine, instances: readonly Instance[]): Promise<Inputs | PlanFailure> {
  const { plan, files, code, environment, platforms, sightings } = engine;
  const facts = new Map<string, Facts>();
  const names = new Set(instances.flatMap(({ platform }) => (platform === undefined ? [] : [platform])));
  for (const name of names) {
    const answer = await platforms.read(name);
    if (isPlanFailure(answer)) return answer;
    facts.set(name, answer);
  }
  return readInputs({ plan, instances, files, code, environment, facts, sightings });
}

/** Writes the memos that make the next start fast. Where that is refused, it is slower and nothing else: told, not thrown. */
export function saveEngine({ files, code, cas, history, costs, platforms }: Engine): string | undefined {
  try {
    for (const memo of [files, code, cas, history, costs, platforms]) memo.save();
    return undefined;
  } catch (error) {
    return `the next run will have to look at every file again: ${(error as Error).message}`;
  }
}
