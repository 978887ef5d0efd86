import { existsSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import type { Json } from "../../stage.ts";
import type { PlannedOut } from "../plan/plan.ts";
import { suggest } from "../system/suggest.ts";
import type { Evaluator } from "./evaluator.ts";
import { isMapping } from "./expression.ts";
import type { Row, StageMatrix } from "./matrix.ts";
import { reservedAt } from "./reserved.ts";
import type { Path } from "./source.ts";

/** One planned out and who declares it, for the check of all outs together. */
export interface OwnedOut {
  readonly out: PlannedOut;
  readonly stage: string;
  readonly row: Row;
}

/** The outs of one instance, below the folder `root`. `undefined` after a problem. */
export function planOuts(
  stage: string,
  declared: { readonly [name: string]: Json },
  row: Row,
  root: string,
  evaluator: Evaluator,
): readonly PlannedOut[] | undefined {
  const outs: PlannedOut[] = [];
  let whole = true;
  for (const [name, declaration] of Object.entries(declared)) {
    const { text, path, schema, kind } = fieldsOf(stage, name, declaration);
    if (text === undefined) {
      whole = false; // The schema has said so.
      continue;
    }
    const value = evaluator.text(text, path, { variables: row });
    const checked = value === undefined ? undefined : checkPath(String(value), path, root, evaluator);
    if (checked === undefined) {
      whole = false;
      continue;
    }
    const isDirectory = kind === "directory" || (kind === undefined && String(value).endsWith("/"));
    outs.push({ name, path: `${root}/${checked}`, kind: isDirectory ? "directory" : "file", schema });
  }
  return whole ? outs : undefined;
}

function fieldsOf(
  stage: string,
  name: string,
  declaration: Json,
): { text: string | undefined; path: Path; schema: string | undefined; kind: string | undefined } {
  const path = ["stages", stage, "outs", name];
  const textOf = (value: Json | undefined): string | undefined => (typeof value === "string" ? value : undefined);
  if (!isMapping(declaration)) return { text: textOf(declaration), path, schema: undefined, kind: undefined };
  const { path: text, schema, kind } = declaration;
  return { text: textOf(text), path: [...path, "path"], schema: textOf(schema), kind: textOf(kind) };
}

/** The path without `.` and doubled slashes, or `undefined` when it leads out of the artifacts folder, or to what is not ours. */
function checkPath(path: string, at: Path, root: string, { tree, report }: Evaluator): string | undefined {
  const place = tree.valueAt(at);
  const remedy = "an out's path is relative, and stays below the artifacts folder";
  const normal = posix.normalize(path).replace(/\/$/, "");
  if (posix.isAbsolute(path) || path.includes("\\") || path.includes("\0") || /^[A-Za-z]:/.test(path)) {
    report.error("escaping-out", place, `\`${path}\` is not a relative path with /`, remedy);
  } else if (normal === ".." || normal.startsWith("../")) {
    report.error("escaping-out", place, `\`${path}\` leads out of the artifacts folder`, remedy);
  } else if (normal === "." || normal === "") {
    report.error("escaping-out", place, `\`${path}\` is the artifacts folder itself`, "name a file or folder below it");
  } else {
    // A reserved artifacts folder is one mistake, and told there.
    const reserved = reservedAt(root) === undefined ? reservedAt(`${root}/${normal}`) : undefined;
    if (reserved === undefined) return normal;
    const own = reserved === ".git" ? "git's" : reserved === "node_modules" ? "npm's" : "the pipeline's";
    report.error("reserved-out", place, `\`${reserved}\` is ${own} own`, "give the out another path");
  }
  return undefined;
}

/** Reports outs that would replace what the pipeline reads: by path, what each file is to it. Once for each declaration. */
export function checkInputs(
  owned: readonly OwnedOut[],
  inputs: ReadonlyMap<string, string>,
  { tree, report }: Evaluator,
): void {
  const byPath = new Map(owned.map((owner) => [posix.normalize(owner.out.path), owner]));
  const told = new Set<string>();
  for (const [file, what] of inputs) {
    for (let path = file; path !== "."; path = posix.dirname(path)) {
      const owner = byPath.get(path);
      if (owner === undefined || told.has(idOf(owner))) continue;
      told.add(idOf(owner));
      const message = path === file ? `\`${file}\` is ${what}` : `\`${path}\` holds \`${file}\`, which is ${what}`;
      const remedy = "give the out another path: what is there would be replaced";
      report.error("out-over-input", tree.valueAt(["stages", owner.stage, "outs", owner.out.name]), message, remedy);
    }
  }
}

/** Reports outs that are written twice, and outs inside other outs: once for each pair of declarations. */
export function checkOverlaps(
  owned: readonly OwnedOut[],
  matrices: ReadonlyMap<string, StageMatrix | undefined>,
  { tree, report }: Evaluator,
): void {
  const byPath = new Map<string, OwnedOut>();
  const told = new Set<string>();
  const tell = (reason: string, owner: OwnedOut, other: OwnedOut, message: string, remedy: string): void => {
    const pair = `${reason} ${idOf(owner)} ${idOf(other)}`;
    if (told.has(pair)) return;
    told.add(pair);
    report.error(reason, tree.valueAt(["stages", owner.stage, "outs", owner.out.name]), message, remedy);
  };
  for (const owner of owned) {
    const { path } = owner.out;
    const other = byPath.get(path);
    if (other === undefined) {
      byPath.set(path, owner);
      continue;
    }
    if (other.stage === owner.stage && other.out.name === owner.out.name) {
      const missing = matrices.get(owner.stage)!.keys.filter((key) => owner.row[key] !== other.row[key]);
      const remedy = `put ${missing.map((key) => `\${${key}}`).join(" and ")} into the path`;
      tell("overlapping-outs", owner, other, `several instances of \`${owner.stage}\` write \`${path}\``, remedy);
    } else {
      const message = `\`${path}\` is an out of \`${other.stage}\` (${idOf(other)}) as well`;
      tell("overlapping-outs", owner, other, message, "give each out a path of its own");
    }
  }
  for (const owner of owned) {
    const { path } = owner.out;
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      const outer = byPath.get(path.slice(0, slash));
      if (outer === undefined) continue;
      const message = `\`${path}\` lies inside \`${outer.out.path}\`, an out of \`${outer.stage}\` (${idOf(outer)})`;
      tell("nested-outs", owner, outer, message, "give it a path outside, or make it part of that out");
    }
  }
}

function idOf({ stage, out }: OwnedOut): string {
  return `${stage}.${out.name}`;
}

/** Reports schemas of outs that are not in `schemas/`. Result: the schema files that are, workspace-relative. */
export function checkSchemas(
  stage: string,
  declared: { readonly [name: string]: Json },
  workspace: string,
  { tree, report }: Evaluator,
): string[] {
  const found: string[] = [];
  for (const [name, declaration] of Object.entries(declared)) {
    const { schema } = fieldsOf(stage, name, declaration);
    if (schema === undefined) continue;
    const file = `schemas/${schema}.schema.json`;
    if (existsSync(join(workspace, file))) {
      found.push(file);
      continue;
    }
    const there = existsSync(join(workspace, "schemas")) ? readdirSync(join(workspace, "schemas")) : [];
    const known = there.filter((entry) => entry.endsWith(".schema.json")).map((entry) => entry.slice(0, -12));
    const place = tree.valueAt(["stages", stage, "outs", name, "schema"]);
    report.error("unknown-schema", place, `there is no \`${file}\``, suggest(schema, known, "schemas"));
  }
  return found;
}
