import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { StatIndex } from "../files/stat-index.ts";
import type { Failure } from "../plan/event.ts";
import type { Digest } from "../plan/plan.ts";

export interface SchemaFile {
  /** Workspace-relative. */
  readonly path: string;
  readonly digest: Digest;
}

/** References that each schema's bytes make to other files: read once a process. */
const references = new Map<Digest, readonly string[]>();

/** `schemas/NAME.schema.json` first, then the schema files that it refers to, directly or not. */
export async function readSchemas(
  workspace: string,
  name: string,
  files: StatIndex,
): Promise<readonly SchemaFile[] | Failure> {
  const found = new Map<string, SchemaFile>();
  const open = [`schemas/${name}.schema.json`];
  for (let path = open.shift(); path !== undefined; path = open.shift()) {
    if (found.has(path)) continue;
    const state = await files.digest(path);
    if (state === undefined) {
      return {
        reason: "missing-schema",
        message: `${path} does not exist${found.size === 0 ? "" : `, but ${[...found.keys()].join(", ")} refers to it`}`,
        remedy: "write the schema, or remove `schema:` from the out",
        output: [],
      };
    }
    found.set(path, { path, digest: state.digest });
    let refers = references.get(state.digest);
    if (refers === undefined) {
      // Found by their spelling: a schema is not parsed to make a key.
      const text = readFileSync(join(workspace, path), "utf8");
      refers = [...text.matchAll(/"\$ref"\s*:\s*"([^"#:]+\.json)(?:#[^"]*)?"/g)].map((match) => match[1]!);
      references.set(state.digest, refers);
    }
    for (const reference of refers) open.push(posix.join(posix.dirname(path), reference));
  }
  return [...found.values()];
}
