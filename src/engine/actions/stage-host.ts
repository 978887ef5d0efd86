/**
 * The child process that loads one bundle and runs it: a stage or a platform probe. The engine bundles this file like any
 * other module, but it is no ingredient of a key. It must not import anything of the engine at run time.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { BatchMember, DepFile, Platform, Progress, Stage, StageContext } from "../../stage.ts";
import type { FromHost, HostError, StageSpec, ToHost } from "../keys/protocol.ts";

class ContractError extends Error {}

const PROGRESS_MS = 50;

process.once("message", (message: ToHost) => {
  // Listening must not keep alive a stage that waits for nothing.
  process.channel?.unref();
  void answer(message);
});
// The engine is gone: nobody wants the result.
process.once("disconnect", () => process.exit(1));
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

async function answer(message: ToHost): Promise<void> {
  try {
    const { default: exported } = (await import(message.bundle)) as { default?: unknown };
    if (message.type === "run") {
      const stage = exported as Stage | undefined;
      if (typeof stage?.run !== "function") {
        throw new ContractError(
          "the module's default export has no run(): write `export default defineStage({ async run(context) { … } })`",
        );
      }
      const [spec] = message.specs;
      if (message.specs.length > 1) await runBatch(stage, message.specs);
      else await stage.run(contextOf(spec!, 0));
      tellProgress(0);
      finish({ type: "done" });
    } else {
      const platform = exported as Platform | undefined;
      if (typeof platform?.probe !== "function") {
        throw new ContractError(
          "the module's default export has no probe(): write `export default definePlatform({ async probe(env) { … } })`",
        );
      }
      finish({ type: "facts", facts: await platform.probe(message.env) });
    }
  } catch (error) {
    fail(error);
  }
}

/** Which member's work is going on: what it prints is its own. */
const currentMember = new AsyncLocalStorage<number>();

async function runBatch(stage: Stage, specs: readonly StageSpec[]): Promise<void> {
  for (const name of ["stdout", "stderr"] as const) {
    const stream = process[name];
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = ((chunk: Uint8Array | string, ...rest: unknown[]) => {
      const member = currentMember.getStore();
      if (member === undefined) return write(chunk, ...rest);
      tell({
        type: "output",
        member,
        stream: name,
        text: typeof chunk === "string" ? chunk : Buffer.from(chunk).toString(),
      });
      for (const callback of rest) if (typeof callback === "function") callback();
      return true;
    }) as typeof stream.write;
  }
  const settled = new Set<number>();
  let busy = 0;
  const settle = async (member: number, work: () => Promise<void> | void): Promise<void> => {
    if (settled.has(member)) throw new ContractError(`${specs[member]!.name} is settled twice`);
    settled.add(member);
    const began = performance.now();
    let error: HostError | undefined;
    try {
      await currentMember.run(member, work);
    } catch (thrown) {
      error = describe(thrown);
    }
    tellProgress(member);
    const own = performance.now() - began;
    busy += own;
    // Its own time, and its part of what was done for all of them, the start of the process included.
    const shared = Math.max(0, performance.now() - busy) / specs.length;
    const seconds = Math.round(own + shared) / 1000;
    tell({ type: "settled", member, seconds, ...(error === undefined ? {} : { error }) });
  };
  const members = specs.map((spec, index): BatchMember => {
    const context = contextOf(spec, index);
    return {
      ...context,
      log: (line) => currentMember.run(index, () => context.log(line)),
      settle: (work) => settle(index, work),
    };
  });
  if (stage.runBatch !== undefined) await stage.runBatch(members);
  else for (const [index, member] of members.entries()) await settle(index, () => stage.run(member));
  for (const index of members.keys()) if (!settled.has(index)) await settle(index, () => undefined);
}

/** What came too soon after what was told; the last of it is told with the member's end, since work is measured by it. */
const untold = new Map<number, Progress>();

function tellProgress(member: number): void {
  const progress = untold.get(member);
  untold.delete(member);
  if (progress !== undefined) tell({ type: "progress", member, progress });
}

function tell(message: FromHost): void {
  process.send?.(message);
}

function fail(thrown: unknown): void {
  finish({ type: "error", error: describe(thrown) });
}

/** The last word. What keeps the event loop alive (timers, sockets, sessions) is not waited for. */
function finish(message: FromHost): void {
  process.removeAllListeners("disconnect");
  if (process.send === undefined || !process.connected) process.exit(1);
  process.channel?.ref();
  process.send(message, () => process.exit(message.type === "error" ? 1 : 0));
}

function describe(thrown: unknown): HostError {
  const error = thrown instanceof Error ? thrown : new Error(`thrown: ${String(thrown)}`);
  const { code, permission, resource, remedy } = error as Error &
    Record<"code" | "permission" | "resource" | "remedy", unknown>;
  // The bundle has its own copy of the class, so it is known by its name.
  const kind = error.name === "StageError" ? "expected" : error instanceof ContractError ? "contract" : "thrown";
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
    causes.push(`caused by ${cause.stack ?? cause}`);
  return {
    kind,
    name: error.name,
    message: error.message,
    remedy: text(remedy),
    stack: [error.stack ?? String(error), ...causes].join("\n"),
    code: text(code),
    permission: text(permission),
    resource: text(resource),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function contextOf(spec: StageSpec, member: number): StageContext {
  const find = (name: string): { readonly each: boolean; readonly files: readonly DepFile[] } => {
    const dep = Object.hasOwn(spec.deps, name) ? spec.deps[name] : undefined;
    if (dep === undefined) throw new ContractError(`dep "${name}" is not declared; ${listOf(spec.deps, "deps")}`);
    return dep;
  };
  let lastProgress = Number.NEGATIVE_INFINITY;
  return {
    name: spec.name,
    params: spec.params,
    instance: spec.instance,
    dep(name) {
      const { each, files } = find(name);
      const [file] = files;
      if (each || file === undefined || files.length !== 1) {
        throw new ContractError(`dep "${name}" is a fan-in of ${files.length} files: use depAll("${name}")`);
      }
      return file;
    },
    depAll: (name) => find(name).files,
    out(name) {
      const path = Object.hasOwn(spec.outs, name) ? spec.outs[name] : undefined;
      if (path === undefined) throw new ContractError(`out "${name}" is not declared; ${listOf(spec.outs, "outs")}`);
      return path;
    },
    platform: spec.platform,
    provenance: spec.provenance,
    resources: spec.resources,
    ...(spec.resume === undefined ? {} : { resume: spec.resume }),
    progress(progress: Progress) {
      const now = performance.now();
      untold.set(member, progress);
      if (progress.done < progress.total && now - lastProgress < PROGRESS_MS) return;
      lastProgress = now;
      tellProgress(member);
    },
    log(line) {
      process.stdout.write(`${line}\n`);
    },
  };
}

function listOf(declared: Readonly<Record<string, unknown>>, what: string): string {
  const names = Object.keys(declared);
  return names.length === 0 ? `the stage declares no ${what}` : `declared ${what}: ${names.join(", ")}`;
}
