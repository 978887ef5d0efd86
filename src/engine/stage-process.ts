import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Action, type ActionEnd, type ActionHooks, explainEnd, type Host } from "./action.ts";
import { watchChild } from "./child.ts";
import { environmentOf, pathIn, placeOf } from "./environment.ts";
import type { Failure } from "./event.ts";
import { hostModule } from "./host-module.ts";
import type { FromHost, HostError, StageSpec, ToHost } from "./protocol.ts";
import { accessTo, packageFolders, permissionFlags } from "./sandbox.ts";
import { explainDenied } from "./undeclared.ts";

/** A stage that has said its last word may still tear down native libraries; after this it is ended. */
const TEARDOWN_MS = 3000;
/** Linux takes 2 MiB of arguments; past half of it, many deps are allowed by their folders. */
const ARGUMENT_BYTES = 1 << 20;

/** Runs a `run:` stage: its bundle, in a child process that may read its deps and write its outs. */
export async function runStage(host: Host, action: Action, hooks: ActionHooks): Promise<ActionEnd> {
  const { instance, code } = action;
  const { workspace } = host.plan;
  const bundle = await host.code.file(code!);
  if (typeof bundle !== "string") return { type: "failed", failure: bundle };
  const hostFile = await hostModule(host.store, host.code);
  if (typeof hostFile !== "string") return { type: "failed", failure: hostFile };

  const shared = (instance.writes ?? [])
    .map((path) => placeOf(path, workspace, host.environment))
    .filter((path) => path !== undefined);
  for (const folder of shared) mkdirSync(folder, { recursive: true });
  const flags = permissionFlags({
    reads: [
      ...readsOf(host, action, [bundle, `${bundle}.map`, hostFile, `${hostFile}.map`]),
      ...shared.map((folder) => join(folder, "*")),
    ],
    writes: [join(dirname(action.temporary), "*"), ...shared.map((folder) => join(folder, "*"))],
  });
  const child = spawn(process.execPath, [...flags, "--enable-source-maps", hostFile], {
    cwd: workspace,
    env: environmentOf(host.environment, instance.env, action),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: process.platform !== "win32",
  });
  let answer: FromHost | undefined;
  let teardown: NodeJS.Timeout | undefined;
  child.on("message", (message: FromHost) => {
    if (message.type === "progress") {
      hooks.onProgress(message.progress);
      return;
    }
    answer = message;
    teardown = setTimeout(() => child.kill("SIGKILL"), TEARDOWN_MS);
  });
  const ended = watchChild(child, hooks);
  child.send(
    { type: "run", bundle: pathToFileURL(bundle).href, spec: specOf(workspace, action) } satisfies ToHost,
    () => {
      // An error here is a child that died at once: its end tells more.
    },
  );
  const end = await ended;
  clearTimeout(teardown);
  if (answer?.type === "done") return { type: "finished" };
  if (end.interrupted) return { type: "interrupted" };
  if (answer?.type === "error") return { type: "failed", failure: explainError(host, action, answer.error, hooks) };
  const output = hooks.tail();
  const failure = explainEnd(instance.name, end, output) ?? {
    reason: "stage-exited",
    message:
      end.code === 0 || end.code === 13
        ? `${instance.name} ended before its run() did: a promise that nothing will ever settle, or process.exit()`
        : `${instance.name} ended with exit code ${end.code}`,
    remedy: undefined,
    output,
  };
  return { type: "failed", failure };
}

function readsOf({ plan, environment }: Host, action: Action, own: readonly string[]): string[] {
  const { workspace } = plan;
  const { instance } = action;
  const declared = [
    ...instance.reads.map((path) => placeOf(path, workspace, environment)),
    ...instance.env.map((name) => pathIn(environment[name])),
  ].filter((path) => path !== undefined);
  const reads = [
    ...own,
    ...packageFolders(join(workspace, ".pipeline", "bundles")).map((folder) => join(folder, "*")),
    join(workspace, "package.json"),
    join(dirname(action.temporary), "*"),
    ...declared.flatMap(accessTo),
  ];
  const deps = Object.values(action.deps).map(({ files }) => files.map(({ path }) => path));
  const long = deps.flat().reduce((sum, path) => sum + workspace.length + path.length, 0) > ARGUMENT_BYTES;
  for (const paths of deps) {
    if (long && paths.length > 100) reads.push(join(workspace, commonFolder(paths), "*"));
    else reads.push(...paths.flatMap((path) => accessTo(join(workspace, path))));
  }
  return reads.filter((path) => path.includes("*") || existsSync(path));
}

function commonFolder(paths: readonly string[]): string {
  let common = dirname(paths[0] ?? "");
  while (common !== "." && !paths.every((path) => path.startsWith(`${common}/`))) common = dirname(common);
  return common;
}

function specOf(workspace: string, { instance, key, code, deps, outs, facts, threads, grant }: Action): StageSpec {
  const absolute = Object.entries(deps).map(([name, { each, files }]) => {
    return [name, { each, files: files.map((file) => ({ ...file, path: join(workspace, file.path) })) }] as const;
  });
  return {
    name: instance.name,
    params: instance.params,
    instance: instance.matrix,
    deps: Object.fromEntries(absolute),
    outs,
    platform: facts,
    provenance: { stage: instance.stage, key, codeDigest: code!.digest, params: instance.params, platform: facts },
    resources: { threads, gpus: grant.gpus, ...(grant.memory === undefined ? {} : { memory: grant.memory }) },
  };
}

function explainError({ plan }: Host, { instance }: Action, error: HostError, hooks: ActionHooks): Failure {
  const { stage } = instance;
  if (error.kind === "expected") {
    return { reason: "stage-failed", message: error.message, remedy: error.remedy, output: hooks.tail() };
  }
  if (error.code === "ERR_ACCESS_DENIED") {
    // Where it happened, for those who did not write the code that reads.
    tell(error.stack, hooks);
    return explainDenied(plan, instance, error.permission, error.resource, hooks.tail());
  }
  if (error.kind === "contract") {
    const module = instance.action.type === "run" ? instance.action.module : stage;
    tell(error.stack, hooks);
    return {
      reason: "stage-contract",
      message: `${module}: ${error.message}`,
      remedy: "correct the stage, or its declaration in pipeline.yaml",
      output: hooks.tail(),
    };
  }
  if (error.code === "ENOSPC" || error.code === "EDQUOT") {
    tell(error.stack, hooks);
    return {
      reason: "disk-full",
      message: `the disk is full: ${stage} could not write all of its outs`,
      remedy: "free some space, then run again; everything that was finished is kept",
      output: hooks.tail(),
    };
  }
  tell(error.stack, hooks);
  if (error.message.includes("Array buffer allocation failed")) {
    return explainEnd(instance.name, { code: null, signal: null, interrupted: false }, hooks.tail())!;
  }
  return { reason: "stage-threw", message: `${error.name}: ${error.message}`, remedy: undefined, output: hooks.tail() };
}

function tell(stack: string | undefined, hooks: ActionHooks): void {
  for (const line of stack?.split("\n") ?? []) hooks.onLine("stderr", line);
}
