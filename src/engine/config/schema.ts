import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { Json } from "../../stage.ts";
import { packageRoot } from "../system/build.ts";
import { nearest, suggest } from "../system/suggest.ts";
import type { Report } from "./diagnostic.ts";
import { isMapping, kindOf } from "./expression.ts";
import type { Path, Tree } from "./source.ts";

export const schemaPath = join(packageRoot, "schemas", "pipeline.schema.json");

const TYPES: Readonly<Record<string, string>> = {
  array: "a list",
  object: "a mapping",
  string: "text",
  number: "a number",
  boolean: "a boolean",
  null: "empty",
};

let compiled: ValidateFunction | undefined;

function compile(): ValidateFunction {
  const schema = JSON.parse(readFileSync(schemaPath, "utf8")) as Record<string, unknown>;
  // Union types are there on purpose: a wrong value then gives one error, and not one for each branch.
  return new Ajv({ allErrors: true, verbose: true, allowUnionTypes: true, strictTypes: false }).compile(schema);
}

/** Reports what of the tree does not satisfy `schemas/pipeline.schema.json`. */
export function validate(tree: Tree, report: Report): void {
  compiled ??= compile();
  const check = compiled;
  if (check(tree.value)) return;
  for (const error of check.errors ?? []) {
    const finding = explain(error, tree);
    if (finding !== undefined) report.error(...finding);
  }
}

/** What to tell of one of ajv's errors, or `undefined` when another one tells it better. */
function explain(error: ErrorObject, tree: Tree): Parameters<Report["error"]> | undefined {
  const { keyword, params, parentSchema, data } = error;
  const path = pathOf(error.instancePath);
  const what = nameOf(path);
  const description = String(parentSchema?.description ?? "");
  const hint = description === "" ? "see schemas/pipeline.schema.json" : decapitalise(description);
  // Errors about a key's spelling come as a pair; the one for the mapping names the key.
  if (error.propertyName !== undefined) return undefined;
  switch (keyword) {
    case "additionalProperties": {
      const key = String(params.additionalProperty);
      const known = Object.keys((parentSchema?.properties ?? {}) as object);
      return [
        "unknown-key",
        tree.keyAt([...path, key]),
        `${what} has no key \`${key}\``,
        nearest(key, known) === undefined ? `its keys are ${known.join(", ")}` : suggest(key, known, "keys"),
      ];
    }
    case "propertyNames": {
      const key = String(params.propertyName);
      const rule = (parentSchema?.propertyNames as { $ref?: string } | undefined)?.$ref?.endsWith("paramName")
        ? "names are made of letters, digits, - and _"
        : "a name starts with a letter and goes on with letters, digits, - and _";
      return ["invalid-name", tree.keyAt([...path, key]), `\`${key}\` cannot be a name`, rule];
    }
    case "required": {
      // `run` or `cmd` is told once, by oneOf.
      if (error.schemaPath.includes("/oneOf/")) return undefined;
      return ["missing-key", tree.keyAt(path), `${what} needs \`${params.missingProperty}\``, hint];
    }
    case "oneOf": {
      const both = isMapping(data as Json) && "run" in (data as object);
      const message = both ? `${what} has both \`run\` and \`cmd\`` : `${what} has neither \`run\` nor \`cmd\``;
      const remedy = both ? "keep one of them" : "add run: path/to/module.ts or cmd: a shell command";
      return ["run-or-cmd", tree.keyAt(both ? [...path, "cmd"] : path), message, remedy];
    }
    case "type": {
      const wanted = [params.type as string | string[]].flat().map((type) => TYPES[type] ?? type);
      const message = `${what} is ${kindOf(data as Json)}, and should be ${wanted.join(" or ")}`;
      return ["wrong-type", tree.valueAt(path), message, hint];
    }
    case "const":
      return ["unknown-version", tree.valueAt(path), `${what} is not 1`, "this program reads version: 1"];
    case "enum": {
      const allowed = (params.allowedValues as string[]).map(String);
      const near = nearest(String(data), allowed);
      const remedy = near === undefined ? hint : `did you mean \`${near}\`?`;
      return ["wrong-value", tree.valueAt(path), `${what} is not one of ${allowed.join(", ")}`, remedy];
    }
    case "minLength":
    case "minItems":
    case "minProperties":
      return ["empty", tree.valueAt(path), `${what} is empty`, hint];
    case "uniqueItems": {
      const repeated = tree.valueAt([...path, Math.max(params.i as number, params.j as number)]);
      return ["repeated", repeated, `${what} has this twice`, "remove one of them"];
    }
    case "pattern":
      return ["wrong-value", tree.valueAt(path), `${what} cannot be \`${String(data)}\``, hint];
    default:
      return ["invalid", tree.valueAt(path), `${what} ${error.message ?? "is invalid"}`, hint];
  }
}

function pathOf(pointer: string): Path {
  if (pointer === "") return [];
  return pointer
    .slice(1)
    .split("/")
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((segment) => (/^\d+$/.test(segment) ? Number(segment) : segment));
}

/** `stage \`train\``, `\`stages.train.outs.run\``, … */
function nameOf(path: Path): string {
  const [top, name] = path;
  if (path.length === 0) return "pipeline.yaml";
  if (path.length === 2 && (top === "stages" || top === "profiles" || top === "platforms")) {
    return `${top.slice(0, -1)} \`${name}\``;
  }
  return `\`${path.join(".")}\``;
}

function decapitalise(text: string): string {
  return text.replace(/\.$/, "").replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
}
