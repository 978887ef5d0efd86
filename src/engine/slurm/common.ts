import type { Host } from "../actions/action.ts";
import { type Code, isFailure } from "../keys/code-digest.ts";
import { hostSource } from "../keys/host-module.ts";
import type { Failure } from "../plan/event.ts";
import type { Instance, PlannedPlatform } from "../plan/plan.ts";
import { shareBuild } from "./build.ts";
import type { Common } from "./task.ts";

export { isFailure } from "../keys/code-digest.ts";

/** What all processes of a stage need on a node; `code` is of a `run:` stage. */
export async function commonOf(
  host: Omit<Host, "store">,
  instance: Pick<Instance, "platform" | "env" | "reads" | "writes">,
  code: Code | undefined,
): Promise<Common | Failure> {
  const { plan, environment, trace = false } = host;
  const { workspace, artifacts, platforms } = plan;
  const build = shareBuild(workspace);
  if (build === undefined) {
    const message = "jobs run the program that bin/pipeline.js has bundled, and this process was not started by it";
    return { reason: "no-slurm", message, remedy: "start it with the pipeline command", output: [] };
  }
  const platform = platforms.find(({ name }) => name === instance.platform);
  const modules: Record<string, { code: Code; file: string }> = {};
  for (const each of [code, await codeOf(host, hostSource(workspace), "module"), await platformCode(host, platform)]) {
    if (each === undefined) continue;
    if (isFailure(each)) return each;
    const file = await host.code.file(each);
    if (typeof file !== "string") return file;
    modules[each.module] = { code: each, file };
  }
  const places = [...instance.reads, ...(instance.writes ?? [])].flatMap(
    (path) => /^\$\{env\.([^}]+)\}/.exec(path)?.[1] ?? [],
  );
  const names = [...instance.env, ...(platform?.env ?? []), ...places, "PIPELINE_THREADS"];
  const values = names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]] as const]));
  return { workspace, artifacts, build, modules, environment: Object.fromEntries(values), platform, trace };
}

function platformCode(
  host: Pick<Host, "code">,
  platform: PlannedPlatform | undefined,
): Promise<Code | Failure> | undefined {
  return platform && codeOf(host, platform.module, "default");
}

function codeOf({ code }: Pick<Host, "code">, module: string, entry: "default" | "module"): Promise<Code | Failure> {
  return code.read(module, entry);
}
