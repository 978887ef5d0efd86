import { lstatSync, type Stats } from "node:fs";
import { join } from "node:path";
import type { Cas } from "../cache/cas.ts";
import { entriesBelow, serialiseTree, type TreeFile } from "../files/tree.ts";
import { isFailure } from "../keys/code-digest.ts";
import type { Inputs } from "../keys/inputs.ts";
import type { Failure } from "../plan/event.ts";
import type { OutResult, Outs } from "../plan/outcome.ts";
import type { Instance, PlannedOut } from "../plan/plan.ts";
import type { Validator } from "./validate-out.ts";

export type Collected = { readonly outs: Outs } | { readonly failure: Failure };

/** Checks what a finished action wrote and takes it into the CAS: all of its outs, or none. */
export async function collectOuts(
  instance: Instance,
  written: Readonly<Record<string, string>>,
  inputs: Inputs,
  cas: Cas,
  validator: Validator,
  tail: () => readonly string[],
): Promise<Collected> {
  const wrong = (reason: string, message: string, remedy: string): Collected => ({
    failure: { reason, message, remedy, output: tail() },
  });
  const found = new Map<PlannedOut, Stats>();
  for (const out of instance.outs) {
    const stats = lstatSync(written[out.name]!, { throwIfNoEntry: false });
    if (stats === undefined) {
      return wrong(
        "missing-out",
        `${instance.stage} ended well but did not write its out "${out.name}" (${out.path})`,
        hint(instance, out),
      );
    }
    const right = out.kind === "file" ? stats.isFile() : stats.isDirectory();
    if (!right) {
      const is = stats.isDirectory() ? "a directory" : stats.isFile() ? "a file" : "a link or a special file";
      return wrong(
        "invalid-out",
        `out "${out.name}" (${out.path}) is ${is}, and is declared as a ${out.kind}`,
        `write a ${out.kind}, or correct its \`kind:\` in pipeline.yaml`,
      );
    }
    const odd =
      out.kind === "directory" ? entriesBelow(written[out.name]!)?.find(({ regular }) => !regular) : undefined;
    if (odd !== undefined) {
      return wrong(
        "invalid-out",
        `out "${out.name}" (${out.path}) holds ${odd.path}, which is a link or a special file`,
        "write plain files only",
      );
    }
    if (out.schema !== undefined && out.kind === "file") {
      const schemas = inputs.schemas(out.schema);
      if (isFailure(schemas)) return { failure: schemas };
      const problem = await validator.validate(written[out.name]!, out.path, schemas);
      if (problem !== undefined) {
        return wrong(
          "invalid-out",
          `out "${out.name}" (${out.path}) does not satisfy schemas/${out.schema}.schema.json: ${problem}`,
          "correct the stage or the schema",
        );
      }
    }
    found.set(out, stats);
  }
  const outs: Record<string, OutResult> = {};
  for (const [out, stats] of found) {
    outs[out.name] =
      out.kind === "file"
        ? await takeFile(written[out.name]!, stats, cas)
        : await takeDirectory(written[out.name]!, cas);
  }
  return { outs };
}

async function takeFile(path: string, stats: Stats, cas: Cas): Promise<OutResult> {
  const digest = await cas.take(path, stats.size);
  return { kind: "file", digest, executable: isExecutable(stats), bytes: stats.size };
}

async function takeDirectory(directory: string, cas: Cas): Promise<OutResult> {
  const tree: TreeFile[] = [];
  let bytes = 0;
  for (const { path } of entriesBelow(directory) ?? []) {
    const file = join(directory, path);
    const stats = lstatSync(file);
    const digest = await cas.take(file, stats.size);
    tree.push({ path, digest, executable: isExecutable(stats) });
    bytes += stats.size;
  }
  return { kind: "directory", digest: cas.putBytes(serialiseTree(tree)), files: tree.length, bytes };
}

function isExecutable({ mode }: Stats): boolean {
  return process.platform !== "win32" && (mode & 0o100) !== 0;
}

function hint({ action }: Instance, { name }: PlannedOut): string {
  return action.type === "cmd" ? `let the command write to \${outs.${name}}` : `write to context.out("${name}")`;
}
