/**
 * The child process that loads one bundle and runs it: a stage or a platform probe. The engine bundles this file like any
 * other module, but it is no ingredient of a key. It must not import anything of the engine at run time.
 */
import type { DepFile, Platform, Progress, Stage, StageContext } from "../stage.ts";
import type { FromHost, HostError, StageSpec, ToHost } from "./protocol.ts";

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
      await stage.run(contextOf(message.spec));
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

function contextOf(spec: StageSpec): StageContext {
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
    progress(progress: Progress) {
      const now = performance.now();
      if (progress.done < progress.total && now - lastProgress < PROGRESS_MS) return;
      lastProgress = now;
      process.send?.({ type: "progress", progress } satisfies FromHost);
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
