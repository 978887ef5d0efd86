import type { Plan } from "../engine/plan/plan.ts";
import type { RemoteConfig } from "../engine/remote/config.ts";
import { type Arguments, type Context, type OptionSpec, usageError } from "./command.ts";

export const REMOTE_OPTIONS = {
  remote: {
    type: "string",
    value: "URL",
    description: "the remote cache, or off (default: PIPELINE_REMOTE_CACHE, else pipeline.yaml's)",
  },
  "remote-read-only": { type: "boolean", description: "take results from the remote cache and send none" },
} as const satisfies Record<string, OptionSpec>;

/** Of commands that only look. */
export const REMOTE_OPTION = { remote: REMOTE_OPTIONS.remote } as const satisfies Record<string, OptionSpec>;

/** The remote cache that is meant, if any; 2 once a mistake has been told. */
export async function remoteOf(context: Context, args: Arguments, plan: Plan): Promise<RemoteConfig | undefined | 2> {
  const { environment } = context;
  const url = args.text("remote");
  // Most runs have none, and load nothing.
  if (url === undefined && !environment.PIPELINE_REMOTE_CACHE && plan.remote?.url === undefined) return undefined;
  const { isConfigProblem, remoteConfigOf } = await import("../engine/remote/config.ts");
  const config = remoteConfigOf(plan.remote, environment, { url, readOnly: args.flag("remote-read-only") });
  if (config === undefined || !isConfigProblem(config)) return config;
  return usageError(context, config.message, config.remedy);
}

/** Writes what is wrong with the remote cache beside what a command tells, each sentence once. */
export function warningsOf({ err }: Context): (message: string) => void {
  const told = new Set<string>();
  return (message) => {
    if (!told.has(message)) err.write(`${err.palette.yellow("warning")}  ${message}\n`);
    told.add(message);
  };
}
