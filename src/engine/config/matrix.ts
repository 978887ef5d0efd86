import type { Json } from "../../stage.ts";
import type { InstanceName, MatrixValue } from "../plan/plan.ts";
import { suggest } from "../system/suggest.ts";
import { compactKind, expandCompact } from "./compact.ts";
import type { Evaluator } from "./evaluator.ts";
import { describe, isMapping, kindOf } from "./expression.ts";
import type { Path } from "./source.ts";

export const MAX_INSTANCES = 10_000;

export type Row = Readonly<Record<string, MatrixValue>>;

/** The instances of a stage: one row each; a stage without a matrix has one empty row. */
export interface StageMatrix {
  readonly keys: readonly string[];
  readonly rows: readonly Row[];
}

const SINGLE: StageMatrix = { keys: [], rows: [{}] };

/** `train@eta=0.05,seed=0`, keys in the order of the matrix's declaration. */
export function instanceName(stage: string, row: Row): InstanceName {
  const pairs = Object.entries(row).map(([key, value]) => `${key}=${value}`);
  return (pairs.length === 0 ? stage : `${stage}@${pairs.join(",")}`) as InstanceName;
}

/**
 * The matrix of each stage, or `undefined` for one that is wrong: that has been reported, and what builds on it is not
 * to be reported again.
 */
export function expandMatrices(
  stages: ReadonlyMap<string, { readonly [key: string]: Json }>,
  evaluator: Evaluator,
): Map<string, StageMatrix | undefined> {
  const done = new Map<string, StageMatrix | undefined>();
  const open: string[] = [];

  const matrixOf = (stage: string): StageMatrix | undefined => {
    if (done.has(stage)) return done.get(stage);
    open.push(stage);
    const declared = stages.get(stage)?.matrix;
    const matrix = declared === undefined ? SINGLE : isMapping(declared) ? expand(stage, declared) : undefined;
    open.pop();
    if (!done.has(stage)) done.set(stage, matrix);
    return done.get(stage);
  };

  const takenOver = (stage: string, of: Json): StageMatrix | undefined => {
    const path = ["stages", stage, "matrix", "of"];
    const { tree, report } = evaluator;
    if (typeof of !== "string") return undefined;
    const place = tree.valueAt(path);
    if (!stages.has(of)) {
      report.error("unknown-stage", place, `there is no stage \`${of}\``, suggest(of, stages.keys(), "stages"));
      return undefined;
    }
    if (open.includes(of)) {
      const circle = [...open.slice(open.indexOf(of)), of].join(" → ");
      report.error("cycle", place, `matrices take each other over in a circle: ${circle}`, "write one of them out");
      return undefined;
    }
    const matrix = matrixOf(of);
    if (matrix !== undefined && matrix.keys.length === 0) {
      report.error(
        "no-matrix",
        place,
        `stage \`${of}\` has no matrix to take over`,
        "remove `of`, or name another stage",
      );
      return undefined;
    }
    return matrix;
  };

  const expand = (stage: string, declared: { readonly [key: string]: Json }): StageMatrix | undefined => {
    const { tree, report } = evaluator;
    const factors: StageMatrix[] = [];
    let whole = true;
    const seen = new Set<string>();
    for (const [key, value] of Object.entries(declared)) {
      const path = ["stages", stage, "matrix", key];
      const factor = key === "of" ? takenOver(stage, value) : listOf(key, value, path, evaluator);
      if (factor === undefined) {
        whole = false;
        continue;
      }
      const repeated = factor.keys.find((name) => seen.has(name));
      if (repeated !== undefined) {
        const remedy = "rename one of the two, or leave it to `of`";
        report.error("repeated-key", tree.keyAt(path), `matrix key \`${repeated}\` comes twice`, remedy);
        whole = false;
      }
      for (const name of factor.keys) seen.add(name);
      factors.push(factor);
    }
    const count = factors.reduce((product, { rows }) => product * rows.length, 1);
    if (count > MAX_INSTANCES) {
      const sizes = factors.map(({ rows }) => rows.length).join(" × ");
      const message = `stage \`${stage}\` would have ${sizes} = ${count} instances`;
      const remedy = `the limit is ${MAX_INSTANCES}; shorten a list, or split the stage`;
      report.error("too-many-instances", tree.keyAt(["stages", stage, "matrix"]), message, remedy);
      return undefined;
    }
    if (!whole) return undefined;
    return {
      keys: factors.flatMap(({ keys }) => keys),
      rows: factors.reduce<Row[]>(
        (rows, factor) => rows.flatMap((row) => factor.rows.map((addition) => ({ ...row, ...addition }))),
        [{}],
      ),
    };
  };

  for (const stage of stages.keys()) matrixOf(stage);
  return done;
}

/** The values of one matrix key, checked: at least one, scalars that can stand in a name, none twice. */
function listOf(key: string, declared: Json, path: Path, evaluator: Evaluator): StageMatrix | undefined {
  const { tree, report } = evaluator;
  const place = tree.valueAt(path);
  const list = evaluateList(declared, path, evaluator);
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) {
    const message = `matrix key \`${key}\` is ${kindOf(list)}, and should be a list`;
    report.error("not-a-list", place, message, "write a list [a, b], ${params.a.list} or ${range(3)}");
    return undefined;
  }
  const values = list as readonly Json[];
  if (values.length === 0) {
    report.error("empty", place, `matrix key \`${key}\` has no values`, "give at least one, or remove the key");
    return undefined;
  }
  const rows: Row[] = [];
  const seen = new Set<string>();
  for (const [index, value] of values.entries()) {
    const at = Array.isArray(declared) ? tree.valueAt([...path, index]) : place;
    const text = String(value);
    if (typeof value === "object") {
      // A literal list has been checked by the schema.
      if (!Array.isArray(declared) || typeof declared[index] === "string") {
        const message = `a value of matrix key \`${key}\` is ${kindOf(value)}`;
        report.error("not-scalar", at, message, "matrix values are numbers, text or booleans");
      }
      return undefined;
    }
    if (!/^[^\s@,=/\\*]+$/.test(text)) {
      const remedy = "matrix values become names of instances: not empty, without spaces and without @ , = / \\ *";
      report.error("unnameable", at, `${describe(value)} cannot be a matrix value`, remedy);
      return undefined;
    }
    if (seen.has(text)) {
      report.error("repeated", at, `matrix key \`${key}\` has ${text} twice`, "remove one of them");
      return undefined;
    }
    seen.add(text);
    rows.push({ [key]: value });
  }
  return { keys: [key], rows };
}

function evaluateList(declared: Json, path: Path, evaluator: Evaluator): Json | undefined {
  const { tree, report } = evaluator;
  const kind = compactKind(declared);
  if (kind !== undefined) {
    const fields = (declared as { readonly [key: string]: Json })[kind]!;
    const expansion = expandCompact(kind, evaluator.json(fields, [...path, kind], { variables: {} }) ?? null);
    if ("list" in expansion) return expansion.list;
    const { field, message, remedy } = expansion.problem;
    const place = field === undefined ? tree.keyAt([...path, kind]) : tree.valueAt([...path, kind, field]);
    report.error("invalid-list", place, message, remedy);
    return undefined;
  }
  return evaluator.json(declared, path, { variables: {} });
}
