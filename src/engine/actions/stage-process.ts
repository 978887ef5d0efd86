import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { hostModule } from "../keys/host-module.ts";
import type { FromHost, HostError, StageSpec, ToHost } from "../keys/protocol.ts";
import { environmentOf, pathIn, placeOf } from "../plan/environment.ts";
import type { Failure } from "../plan/event.ts";
import { type ChildEnd, localChild, watchChild } from "../system/child.ts";
import { cutLines } from "../system/lines.ts";
import { type Action, type ActionHooks, explainEnd, explainTimeout, type Host, type Member } from "./action.ts";
import { accessTo, packageFolders, permissionFlags, unnameable } from "./sandbox.ts";
import { explainDenied } from "./undeclared.ts";

/** A stage that has said its last word may still tear down native libraries; after this it is ended. */
const TEARDOWN_MS = 3000;
/** Linux takes 2 MiB of arguments; past half of it, many deps are allowed by their folders. */
const ARGUMENT_BYTES = 1 << 20;

/**
 * Runs a `run:` stage: its bundle, in a child process that may read its deps and write its outs. Several members are
 * instances of one stage, a batch: each is settled as it ends.
 */
export async function runStage(host: Host, members: readonly Member[]): Promise<void> {
  const actions = members.map(({ action }) => action);
  const isBatch = members.length > 1;
  const { instance, code } = actions[0]!;
  const { workspace } = host.plan;
  const bundle = await host.code.file(code!);
  const hostFile = await hostModule(host.store, host.code);
  if (typeof bundle !== "string" || typeof hostFile !== "string") {
    const failure = typeof bundle !== "string" ? bundle : (hostFile as Failure);
    for (const member of members) member.settle({ type: "failed", failure });
    return;
  }
  // What concerns the process: a member's own folder goes when the member has ended.
  const folder = isBatch ? host.store.scratch("batch") : dirname(actions[0]!.temporary);
  const temporary = join(folder, "tmp");
  mkdirSync(temporary, { recursive: true });

  const shared = (instance.writes ?? [])
    .map((path) => placeOf(path, workspace, host.environment))
    .filter((path) => path !== undefined);
  for (const folder of shared) mkdirSync(folder, { recursive: true });
  const access = {
    reads: [
      ...readsOf(host, actions, [bundle, `${bundle}.map`, hostFile, `${hostFile}.map`, join(folder, "*")]),
      ...shared.map((folder) => join(folder, "*")),
    ],
    writes: [folder, ...actions.flatMap(foldersOf), ...shared].map((each) => join(each, "*")),
  };
  const message = unnameable(access, workspace);
  if (message !== undefined) {
    const failure = { reason: "unnameable-path", message, remedy: "rename that file or folder", output: [] };
    for (const member of members) member.settle({ type: "failed", failure });
    return;
  }
  const child = spawn(process.execPath, [...permissionFlags(access), "--enable-source-maps", hostFile], {
    cwd: workspace,
    env: environmentOf(host.environment, instance.env, { ...actions[0]!, temporary, resume: undefined }),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: process.platform !== "win32",
  });
  let answer: FromHost | undefined;
  let teardown: NodeJS.Timeout | undefined;
  let held: (() => void) | undefined;
  const open = new Set(members);
  const settle = (member: Member, end: Parameters<Member["settle"]>[0]): void => {
    if (open.delete(member)) member.settle(end);
  };
  const lines = isBatch ? members.map(({ hooks }) => linesOf(hooks)) : [];
  child.on("message", (message: FromHost) => {
    if (message.type === "progress") members[message.member]!.hooks.onProgress(message.progress);
    else if (message.type === "output") lines[message.member]![message.stream].write(Buffer.from(message.text));
    else if (message.type === "settled") {
      const { member: index, error, seconds } = message;
      const member = members[index]!;
      for (const cutter of Object.values(lines[index]!)) cutter.end();
      const conclude = (): void =>
        settle(
          member,
          error === undefined
            ? { type: "finished", seconds }
            : { type: "failed", failure: explainError(host, member.action, error, member.hooks), seconds },
        );
      // The last one is over when the process is: until then it takes what the process takes.
      if (open.size === 1) held = conclude;
      else conclude();
    } else {
      answer = message;
      teardown = setTimeout(() => child.kill("SIGKILL"), TEARDOWN_MS);
    }
  });
  // What a batch prints outside of its members' settling is whoever's is next.
  const current = (): Member => open.values().next().value ?? members.at(-1)!;
  // Each of a batch brings its own time.
  const seconds = instance.timeout === undefined ? undefined : instance.timeout * members.length;
  const ended = watchChild(localChild(child), {
    seconds,
    signal: members[0]!.hooks.signal,
    onLine: (stream, line) => current().hooks.onLine(stream, line),
  });
  const specs = actions.map((action) => specOf(workspace, action));
  child.send({ type: "run", bundle: pathToFileURL(bundle).href, specs } satisfies ToHost, () => {
    // An error here is a child that died at once: its end tells more.
  });
  const end = await ended;
  clearTimeout(teardown);
  if (isBatch) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  held?.();
  const [first, ...others] = open;
  if (first === undefined) return;
  const { action, hooks } = first;
  if (answer?.type === "done") return settle(first, { type: "finished" });
  if (end.interrupted) {
    for (const member of [first, ...others]) settle(member, { type: "interrupted" });
    return;
  }
  const name = isBatch ? `a batch of ${members.length} instances of ${instance.stage}` : instance.name;
  const failure =
    answer?.type === "error"
      ? explainError(host, action, answer.error, hooks)
      : end.timedOut
        ? explainTimeout(name, seconds!, action.resume !== undefined, hooks.tail())
        : explainExit(name, end, hooks.tail());
  if (!isBatch) return settle(first, { type: "failed", failure });
  settle(first, { type: "unsettled", failure });
  for (const member of others) settle(member, { type: "unsettled", failure: undefined });
}

function linesOf({ onLine }: ActionHooks): Record<"stdout" | "stderr", ReturnType<typeof cutLines>> {
  return {
    stdout: cutLines((line) => onLine("stdout", line)),
    stderr: cutLines((line) => onLine("stderr", line)),
  };
}

function explainExit(name: string, end: ChildEnd, output: readonly string[]): Failure {
  return (
    explainEnd(name, end, output) ?? {
      reason: "stage-exited",
      message:
        end.code === 0 || end.code === 13
          ? `${name} ended before its run() did: a promise that nothing will ever settle, or process.exit()`
          : `${name} ended with exit code ${end.code}`,
      remedy: undefined,
      output,
      ...(end.code === null ? {} : { exitCode: end.code }),
    }
  );
}

function readsOf({ plan, environment }: Host, actions: readonly Action[], own: readonly string[]): string[] {
  const { workspace } = plan;
  // The declarations of a batch are those of its stage.
  const { instance } = actions[0]!;
  const declared = [
    ...instance.reads.map((path) => placeOf(path, workspace, environment)),
    ...instance.env.map((name) => pathIn(environment[name])),
  ].filter((path) => path !== undefined);
  const reads = [
    ...own,
    ...packageFolders(join(workspace, ".pipeline", "bundles")).map((folder) => join(folder, "*")),
    join(workspace, "package.json"),
    ...actions.flatMap(foldersOf).map((folder) => join(folder, "*")),
    ...declared.flatMap(accessTo),
  ];
  const deps = actions.flatMap((action) =>
    Object.values(action.deps).map(({ files }) => files.map(({ path }) => path)),
  );
  const long = deps.flat().reduce((sum, path) => sum + workspace.length + path.length, 0) > ARGUMENT_BYTES;
  for (const paths of deps) {
    if (long && paths.length > 100) reads.push(join(workspace, commonFolder(paths), "*"));
    else reads.push(...paths.flatMap((path) => accessTo(join(workspace, path))));
  }
  return reads.filter((path) => path.includes("*") || existsSync(path));
}

/** What is its own: its outs, its temporary folder, and its state. */
function foldersOf({ temporary, resume }: Action): string[] {
  return [dirname(temporary), ...(resume === undefined ? [] : [resume])];
}

function commonFolder(paths: readonly string[]): string {
  let common = dirname(paths[0] ?? "");
  while (common !== "." && !paths.every((path) => path.startsWith(`${common}/`))) common = dirname(common);
  return common;
}

function specOf(
  workspace: string,
  { instance, key, code, deps, outs, facts, threads, grant, resume }: Action,
): StageSpec {
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
    ...(resume === undefined ? {} : { resume }),
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
    return explainEnd(instance.name, { code: null, signal: null }, hooks.tail())!;
  }
  return { reason: "stage-threw", message: `${error.name}: ${error.message}`, remedy: undefined, output: hooks.tail() };
}

function tell(stack: string | undefined, hooks: ActionHooks): void {
  for (const line of stack?.split("\n") ?? []) hooks.onLine("stderr", line);
}
