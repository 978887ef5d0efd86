import { relative, sep } from "node:path";
import type { Failure } from "../plan/event.ts";
import type { Instance, Plan } from "../plan/plan.ts";
import { enumerate } from "../system/suggest.ts";

/** Names what a stage touched without declaring it, and what to write in pipeline.yaml. */
export function explainDenied(
  plan: Plan,
  instance: Instance,
  permission: string | undefined,
  resource: string | undefined,
  output: readonly string[],
): Failure {
  const { stage } = instance;
  if (permission === "FileSystemRead" && resource !== undefined) {
    const path = insideOf(plan.workspace, resource);
    if (path === undefined) {
      return {
        reason: "undeclared-read",
        message: `${stage} reads ${resource}, which lies outside the workspace`,
        remedy: `declare it in pipeline.yaml, under \`${stage}:\` \`reads: [${JSON.stringify(resource)}]\` — or, if its content decides the result, keep it in the workspace as a dep`,
        output,
      };
    }
    return {
      reason: "undeclared-read",
      message: `${stage} reads ${path}, which is not among its deps`,
      remedy: `declare it in pipeline.yaml, under \`${stage}:\` ${depFor(plan, path)}`,
      output,
    };
  }
  if (permission === "FileSystemWrite" && resource !== undefined) {
    return {
      reason: "undeclared-write",
      message: `${stage} writes ${insideOf(plan.workspace, resource) ?? resource}, which is not among its outs`,
      remedy: `write to context.out(NAME), declared in pipeline.yaml under \`${stage}:\` \`outs:\`; os.tmpdir() is there for scratch files`,
      output,
    };
  }
  const what =
    permission === "ChildProcess"
      ? "start a process"
      : permission === "WorkerThreads"
        ? "start a worker thread"
        : "do this";
  return {
    reason: "not-permitted",
    message: `${stage} may not ${what}: what that reads could not be checked`,
    remedy:
      permission === "ChildProcess"
        ? "use a `cmd:` stage for other programs"
        : "do it without, in the stage's own process",
    output,
  };
}

/** Names the files that a traced command has read without declaring them; `paths` are workspace-relative, at least one. */
export function explainReads(
  plan: Plan,
  { stage }: Instance,
  paths: readonly string[],
  output: readonly string[],
): Failure {
  const list = enumerate(paths, 5);
  return {
    reason: "undeclared-read",
    message: `${stage} reads ${list}, which ${paths.length === 1 ? "is" : "are"} not among its deps; the result is not kept`,
    remedy: `declare ${paths.length === 1 ? "it" : "them"} in pipeline.yaml, under \`${stage}:\` ${depFor(plan, paths[0]!)}${paths.length === 1 ? "" : " and so on"}`,
    output,
  };
}

/** An out of another stage is a dep by name; anything else is a file. */
function depFor(plan: Plan, path: string): string {
  for (const { stage, outs } of plan.instances) {
    for (const out of outs) {
      if (path === out.path || path.startsWith(`${out.path}/`))
        return `\`deps: { ${out.name}: ${stage}.${out.name} }\``;
    }
  }
  const name = (path.split("/").at(-1) ?? "").split(".")[0]?.replaceAll(/\W+/g, "_");
  return `\`deps: { ${name || "input"}: { files: ${JSON.stringify(path)} } }\``;
}

function insideOf(workspace: string, path: string): string | undefined {
  const inside = relative(workspace, path).split(sep).join("/");
  return inside === ".." || inside.startsWith("../") || inside === "" ? undefined : inside;
}
