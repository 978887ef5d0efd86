import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { PlatformFacts, PlatformFailure } from "../../stage.ts";
import type { Sightings } from "../files/sightings.ts";
import type { Store } from "../files/store.ts";
import { openTable } from "../files/table.ts";
import { digestOf } from "../plan/digest.ts";
import { type Environment, environmentOf } from "../plan/environment.ts";
import type { Digest, Plan, PlannedPlatform } from "../plan/plan.ts";
import type { PlanFailure } from "../plan/plan-failure.ts";
import { localChild, watchChild } from "../system/child.ts";
import { canonical } from "../system/json.ts";
import { deviceStamp } from "../system/stamp.ts";
import { type CodeReader, isFailure } from "./code-digest.ts";
import type { Facts } from "./facts.ts";
import { hostModule } from "./host-module.ts";
import type { FromHost } from "./protocol.ts";

interface Entry {
  /** Of the code, its packages, the declared variables and Node's version. */
  readonly identity: Digest;
  readonly watched: readonly (readonly [path: string, stamp: string])[];
  readonly facts: Facts;
}

export interface PlatformReader {
  read(name: string): Promise<Facts | PlanFailure>;
  save(): void;
}

/** Asks platform modules what the machine decides, in a child process; an answer is kept until what it rests on changes. */
export function openPlatformReader(
  plan: Plan,
  store: Store,
  code: CodeReader,
  environment: Environment,
  signal: AbortSignal,
  /** `memo`: its name; each node of a cluster has its own. */
  { memo = "platforms", sightings }: { readonly memo?: string; readonly sightings?: Sightings | undefined } = {},
): PlatformReader {
  const table = openTable<Entry>(store, memo, 1);
  return {
    async read(name) {
      const platform = platformOf(plan, name);
      const bundle = await code.read(platform.module);
      if (isFailure(bundle)) return problem(bundle.reason, bundle.message, bundle.remedy);
      const values = platform.env.map((variable) => [variable, environment[variable] ?? null]);
      const identity = digestOf(canonical([bundle.digest, bundle.packages, values, process.version]));
      const known = table.get(name);
      if (known?.identity === identity && known.watched.every(([path, stamp]) => deviceStamp(path) === stamp)) {
        for (const variable of platform.env) sightings?.variable(variable, environment[variable]);
        for (const [path, stamp] of known.watched) sightings?.watched(path, stamp);
        return known.facts;
      }
      sightings?.doubt();
      const file = await code.file(bundle);
      if (typeof file !== "string") return problem(file.reason, file.message, file.remedy);
      const answer = await probe(platform, file, store, code, environment, signal);
      if ("facts" in answer) {
        table.set(name, {
          identity,
          watched: [...new Set(answer.watched)].map((path) => [path, deviceStamp(path)] as const),
          facts: answer.facts,
        });
        return answer.facts;
      }
      return answer;
    },
    save: () => table.save(),
  };
}

export function platformOf({ platforms }: Plan, name: string): PlannedPlatform {
  const platform = platforms.find((candidate) => candidate.name === name);
  if (platform === undefined) throw new Error(`the plan has no platform ${name}`);
  return platform;
}

/**
 * No permission model here: a probe looks at devices, drivers and libraries wherever they are. What it finds becomes
 * part of keys, so nothing is hidden.
 */
async function probe(
  platform: PlannedPlatform,
  bundle: string,
  store: Store,
  code: CodeReader,
  environment: Environment,
  signal: AbortSignal,
): Promise<PlatformFacts | PlanFailure> {
  const host = await hostModule(store, code);
  if (typeof host !== "string") return problem(host.reason, host.message, host.remedy);
  const { spawn } = await import("node:child_process");
  const child = spawn(process.execPath, ["--enable-source-maps", host], {
    cwd: store.workspace,
    env: environmentOf(environment, platform.env, undefined),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: process.platform !== "win32",
  });
  let answer: FromHost | undefined;
  child.on("message", (message: FromHost) => {
    answer = message;
  });
  const env = Object.fromEntries(platform.env.map((name) => [name, environment[name]]));
  child.send({ type: "probe", bundle: pathToFileURL(bundle).href, env });
  const output: string[] = [];
  const end = await watchChild(localChild(child), { onLine: (_, line) => output.push(line), signal });
  const module = relative(store.workspace, resolve(store.workspace, platform.module));
  if (answer?.type === "facts") {
    const { facts } = answer;
    return "facts" in facts ? facts : unavailable(platform, facts);
  }
  if (answer?.type === "error") {
    return problem(
      "platform-failed",
      `the platform \`${platform.name}\` (${module}) failed: ${answer.error.stack ?? answer.error.message}`,
      `correct ${module}`,
    );
  }
  const how = end.signal === null ? `exit code ${end.code}` : `signal ${end.signal}`;
  return problem(
    "platform-failed",
    `the platform \`${platform.name}\` (${module}) ended with ${how} and no answer${output.length === 0 ? "" : `:\n${output.slice(-10).join("\n")}`}`,
    `run \`pipeline doctor\`, or correct ${module}`,
  );
}

function unavailable(platform: PlannedPlatform, { reason, message, remedy }: PlatformFailure): PlanFailure {
  return { reason, message: `the platform \`${platform.name}\` is not available: ${message}`, remedy };
}

function problem(reason: string, message: string, remedy: string | undefined): PlanFailure {
  return { reason, message, remedy: remedy ?? "" };
}
