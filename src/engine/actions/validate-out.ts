import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { AnySchemaObject, ErrorObject, ValidateFunction } from "ajv";
import type { SchemaFile } from "../keys/schema-files.ts";
import { digestOf } from "../plan/digest.ts";

/** What is wrong with an out, or `undefined` when it satisfies its schema. */
export interface Validator {
  validate(file: string, path: string, schemas: readonly SchemaFile[]): Promise<string | undefined>;
}

const ERRORS_SHOWN = 3;
const LARGEST_HEADER = 100 << 20;

/**
 * Checks outs against `schemas/NAME.schema.json`: a `.json` out by its content, a `.safetensors` out by its header, told as
 * `{ tensors: { NAME: { dtype, shape } }, metadata }`.
 */
export function openValidator(workspace: string): Validator {
  const compiled = new Map<string, Promise<ValidateFunction | string>>();
  return {
    async validate(file, path, schemas) {
      const id = schemas.map(({ path, digest }) => `${path} ${digest}`).join("\n");
      let check = compiled.get(id);
      if (check === undefined) {
        check = compile(workspace, schemas);
        compiled.set(id, check);
      }
      const validate = await check;
      if (typeof validate === "string") return validate;
      const content = await contentOf(file, path);
      if ("problem" in content) return content.problem;
      if (validate(content.value)) return undefined;
      const errors = validate.errors ?? [];
      const rest = errors.length - ERRORS_SHOWN;
      return errors.slice(0, ERRORS_SHOWN).map(describe).join("; ") + (rest > 0 ? `; and ${rest} more` : "");
    },
  };
}

async function compile(workspace: string, schemas: readonly SchemaFile[]): Promise<ValidateFunction | string> {
  const read: { path: string; schema: AnySchemaObject }[] = [];
  for (const { path, digest } of schemas) {
    const text = readFileSync(join(workspace, path), "utf8");
    // The key says which schema the out satisfies.
    if (digestOf(text) !== digest) return `${path} changed while the pipeline was running: run again`;
    try {
      read.push({ path, schema: JSON.parse(text) as AnySchemaObject });
    } catch (error) {
      return `${path} is no JSON: ${(error as Error).message}`;
    }
  }
  const [main, ...others] = read;
  const modern = String(main!.schema.$schema ?? "").includes("2020-12");
  // ajv is CommonJS: its class is a property of its namespace.
  const { default: namespace } = modern ? await import("ajv/dist/2020.js") : await import("ajv");
  const Ajv = namespace.default ?? (namespace as unknown as typeof namespace.default);
  const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false, verbose: true });
  try {
    for (const { path, schema } of others) {
      // As the main schema spells it: relative to its own folder, unless the schemas have ids of their own.
      ajv.addSchema(schema, schema.$id ?? posix.relative(posix.dirname(main!.path), path));
    }
    return ajv.compile(main!.schema);
  } catch (error) {
    return `${main!.path} is no usable schema: ${(error as Error).message}`;
  }
}

async function contentOf(
  file: string,
  path: string,
): Promise<{ readonly value: unknown } | { readonly problem: string }> {
  if (path.endsWith(".json")) {
    try {
      return { value: JSON.parse(readFileSync(file, "utf8")) as unknown };
    } catch (error) {
      return { problem: `it is no JSON: ${(error as Error).message}` };
    }
  }
  if (path.endsWith(".safetensors")) return safetensorsHeader(file);
  return { problem: "schemas can check .json and .safetensors files only" };
}

/** https://huggingface.co/docs/safetensors: 8 bytes of length (little-endian), then a JSON header, then the tensors' bytes. */
async function safetensorsHeader(file: string): Promise<{ readonly value: unknown } | { readonly problem: string }> {
  const { open } = await import("node:fs/promises");
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    const prefix = Buffer.alloc(8);
    if (size < 8 || (await handle.read(prefix, 0, 8, 0)).bytesRead < 8)
      return { problem: "it is shorter than a safetensors header" };
    const length = Number(prefix.readBigUInt64LE());
    if (length > size - 8 || length > LARGEST_HEADER)
      return { problem: `its header says ${length} bytes, and the file has ${size}` };
    const text = Buffer.alloc(length);
    await handle.read(text, 0, length, 8);
    const header = JSON.parse(text.toString("utf8")) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown> & typeof header;
    const tensors: Record<string, { dtype: string; shape: number[] }> = {};
    let end = 0;
    for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries as typeof header)) {
      tensors[name] = { dtype, shape };
      end = Math.max(end, data_offsets[1]);
    }
    if (8 + length + end !== size)
      return { problem: `its tensors end at byte ${8 + length + end}, and the file has ${size}` };
    return { value: { tensors, metadata } };
  } catch (error) {
    return { problem: `its safetensors header cannot be read: ${(error as Error).message}` };
  } finally {
    await handle.close();
  }
}

function describe({ instancePath, message, params, data }: ErrorObject): string {
  const where = instancePath === "" ? "the top level" : instancePath.slice(1).replaceAll("/", ".");
  const { additionalProperty, allowedValues } = params as {
    additionalProperty?: string;
    allowedValues?: readonly unknown[];
  };
  const detail =
    additionalProperty !== undefined
      ? ` (\`${additionalProperty}\`)`
      : allowedValues !== undefined
        ? ` (${allowedValues.join(", ")})`
        : "";
  const shown = data === null || typeof data !== "object" ? `, and is ${JSON.stringify(data)}` : "";
  return `${where} ${message}${detail}${shown}`;
}
