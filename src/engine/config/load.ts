import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Sightings } from "../files/sightings.ts";
import type { Plan } from "../plan/plan.ts";
import { buildId, packageRoot } from "../system/build.ts";
import { createReport, type Diagnostic } from "./diagnostic.ts";
import { gather } from "./gather.ts";
import { planIdentity, readPlan, writePlan } from "./plan-cache.ts";

export const PIPELINE_FILE = "pipeline.yaml";

export interface LoadOptions {
  /** `--profile`; the file's default without it. */
  readonly profile?: string;
  /** `--set`, each `a.b=value`. */
  readonly set?: readonly string[];
  readonly sightings?: Sightings | undefined;
}

export type Loaded =
  | { readonly plan: Plan; readonly warnings: readonly Diagnostic[] }
  /** At least one error, and all warnings, by position. */
  | { readonly diagnostics: readonly Diagnostic[] };

/** Reads `pipeline.yaml` of a workspace (an absolute path) and expands it to a plan, or tells everything that is wrong with it. */
export async function loadPlan(workspace: string, options: LoadOptions = {}): Promise<Loaded> {
  const { profile = "", set = [], sightings } = options;
  const schemaFile = join(packageRoot, "schemas", "pipeline.schema.json");
  let text: string;
  let schema: string;
  try {
    sightings?.willRead(PIPELINE_FILE);
    sightings?.willRead(schemaFile);
    const bytes = readFileSync(join(workspace, PIPELINE_FILE));
    if (!isUtf8(bytes)) return { diagnostics: [undecodable(bytes)] };
    text = bytes.toString("utf8").replace(/^\uFEFF/, "");
    schema = buildId === undefined ? "" : readFileSync(schemaFile, "utf8");
  } catch (error) {
    return { diagnostics: [unreadable(error as NodeJS.ErrnoException, workspace)] };
  }
  const identity = planIdentity([buildId ?? "", schema, workspace, text, profile, ...set]);
  if (buildId !== undefined) {
    const cached = await readPlan(workspace, profile, identity, sightings);
    if (cached !== undefined) return { plan: cached.plan, warnings: cached.warnings };
  }

  // It looks at files in ways of its own.
  sightings?.doubt();
  const { analyse } = await import("./analyse.ts");
  const source = { name: PIPELINE_FILE, text };
  const report = createReport();
  const analysis = await analyse(source, workspace, options, report);
  const diagnostics = report.sorted();
  if (analysis === undefined) {
    const diagnosticsWith = async (fewer: readonly string[]): Promise<Diagnostic[]> => {
      const other = createReport();
      await analyse(source, workspace, { ...options, set: fewer }, other);
      return other.sorted();
    };
    return { diagnostics: await gather(diagnostics, set, diagnosticsWith) };
  }
  if (buildId !== undefined) writePlan(workspace, profile, identity, { ...analysis, warnings: diagnostics });
  return { plan: analysis.plan, warnings: diagnostics };
}

function unreadable(error: NodeJS.ErrnoException, workspace: string): Diagnostic {
  const missing = error.code === "ENOENT";
  return {
    severity: "error",
    reason: missing ? "no-pipeline" : "unreadable-pipeline",
    message: missing
      ? `there is no ${PIPELINE_FILE} in ${workspace}`
      : `${PIPELINE_FILE} cannot be read: ${error.message}`,
    remedy: missing ? "change to a folder that has one, or name it with --cwd DIR" : "make it a readable file",
    position: { file: PIPELINE_FILE, line: 1, column: 1 },
    length: 1,
    sourceLine: "",
  };
}

/** Read all the same, letters would silently become others in commands and params. */
function undecodable(bytes: Buffer): Diagnostic {
  const isUtf16 = ["fffe", "feff"].includes(bytes.subarray(0, 2).toString("hex"));
  const before = isUtf16 ? [] : bytes.toString("latin1").split("\n");
  const line = before.findIndex((one) => !isUtf8(Buffer.from(one, "latin1"))) + 1;
  const sourceLine = before[line - 1] === undefined ? "" : Buffer.from(before[line - 1]!, "latin1").toString("utf8");
  const at = Math.max(0, sourceLine.indexOf("\uFFFD"));
  return {
    severity: "error",
    reason: "not-utf8",
    message: `${PIPELINE_FILE} is ${isUtf16 ? "UTF-16" : "not UTF-8"}`,
    remedy: "save it as UTF-8",
    position: { file: PIPELINE_FILE, line: Math.max(1, line), column: at + 1 },
    length: 1,
    sourceLine: sourceLine.replace(/\r$/, ""),
  };
}
