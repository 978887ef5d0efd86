import type { Host } from "../actions/action.ts";
import type { Store } from "../files/store.ts";
import { openTable, type Table } from "../files/table.ts";
import { isFailure } from "../keys/code-digest.ts";
import type { Facts } from "../keys/facts.ts";
import { digestOf } from "../plan/digest.ts";
import type { Digest, PlannedPlatform } from "../plan/plan.ts";
import { isPlanFailure, type PlanFailure } from "../plan/plan-failure.ts";
import { canonical } from "../system/json.ts";
import { commonOf } from "./common.ts";
import { explainJob } from "./end.ts";
import { openGpus } from "./gpus.ts";
import { openJobs } from "./jobs.ts";
import { slurmOptionsOf } from "./options.ts";
import { flagsOf, slurmProblem } from "./sbatch.ts";

interface Entry {
  /** Of the code, its packages, the declared variables, Node's version, and which nodes are asked. */
  readonly identity: Digest;
  readonly facts: Facts;
}

/**
 * What a platform module says on a node, in a job of its own: once for each set of nodes. Every job compares it with what
 * its node says, so that an answer that is out of date, or nodes that differ, cannot give a result a wrong key.
 */
export async function clusterFacts(
  host: Host,
  platform: PlannedPlatform,
  signal: AbortSignal,
  mayAsk: boolean,
): Promise<Facts | PlanFailure> {
  const { plan, store, code, environment } = host;
  const options = slurmOptionsOf(plan);
  const bundle = await code.read(platform.module);
  if (isFailure(bundle)) return problemOf(bundle);
  const values = platform.env.map((variable) => [variable, environment[variable] ?? null]);
  const { partition = null, constraint = null, gres, flags } = options;
  const identity = digestOf(
    canonical([bundle.digest, bundle.packages, values, process.version, partition, constraint, gres, flags]),
  );
  const table = openFacts(store);
  const known = table.get(platform.name);
  if (known?.identity === identity) return known.facts;
  if (!mayAsk) {
    return {
      reason: "platform-unknown",
      message: `nobody has asked the cluster yet what \`${platform.name}\` is on its nodes`,
      remedy: "pipeline run asks it, with its first job",
    };
  }
  const problem = slurmProblem(environment);
  if (problem !== undefined) return problem;
  const common = await commonOf(host, { platform: platform.name, env: [], reads: [] }, undefined);
  if (isFailure(common)) return problemOf(common);
  const gpus = await openGpus(plan, options, environment).ofPlatform(platform.name);
  const answer = await ask();
  if (!isPlanFailure(answer)) {
    table.set(platform.name, { identity, facts: answer });
    table.save();
  }
  return answer;

  function ask(): Promise<Facts | PlanFailure> {
    return new Promise((fulfil) => {
      const stopped = (): PlanFailure => ({ reason: "interrupted", message: "interrupted", remedy: "run again" });
      const warn = (): void => undefined;
      const jobs = openJobs({ workspace: plan.workspace, environment, options, signal, warn, outs: () => "[]" });
      signal.addEventListener("abort", () => void jobs.stop(), { once: true });
      jobs.submit({
        stage: platform.name,
        flags: flagsOf({}, 1, gpus, options),
        common: common as Exclude<typeof common, { reason: string }>,
        task: { type: "probe", gpus },
        holds: () => false,
        on: (event) => {
          if (event.type === "facts") fulfil(event.answer);
        },
        moved: () => undefined,
        ended: (end) => {
          const told = end ?? { state: "COMPLETED", job: "", node: "", began: true, output: [] };
          fulfil(problemOf(explainJob(`the platform \`${platform.name}\``, told, false)));
        },
        interrupted: () => fulfil(stopped()),
      });
    });
  }
}

/** A job has found them to be others. */
export function forgetClusterFacts(store: Store, name: string): void {
  const table = openFacts(store);
  table.delete(name);
  table.save();
}

function openFacts(store: Store): Table<Entry> {
  return openTable<Entry>(store, "cluster", 1);
}

function problemOf({
  reason,
  message,
  remedy,
  output = [],
}: {
  readonly reason: string;
  readonly message: string;
  readonly remedy: string | undefined;
  readonly output?: readonly string[];
}): PlanFailure {
  return { reason, message: [message, ...output].join("\n"), remedy: remedy ?? "" };
}
