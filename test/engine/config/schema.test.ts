import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { repository } from "../../rig/workspace.ts";

type Schema = { readonly [key: string]: unknown };
const schema = JSON.parse(readFileSync(join(repository, "schemas", "pipeline.schema.json"), "utf8")) as Schema;

/** Every schema below `properties`, `additionalProperties`, `items` and `definitions`, with its path. */
function* schemasIn(node: Schema, path: string): Generator<readonly [string, Schema]> {
  yield [path, node];
  for (const group of ["properties", "definitions"] as const) {
    for (const [name, child] of Object.entries((node[group] ?? {}) as Record<string, Schema>)) {
      yield* schemasIn(child, `${path}/${name}`);
    }
  }
  for (const key of ["additionalProperties", "items"] as const) {
    const child = node[key];
    if (typeof child === "object" && child !== null) yield* schemasIn(child as Schema, `${path}/${key}`);
  }
}

describe("schemas/pipeline.schema.json", () => {
  it("is a valid draft-07 schema", () => {
    expect(new Ajv().validateSchema(schema)).toBe(true);
  });

  it("describes every key, since editors show that and error messages quote it", () => {
    const found = [...schemasIn(schema, "")];
    expect(found.length).toBeGreaterThan(30);
    const bare = found.filter(([, node]) => node.description === undefined && node.$ref === undefined);
    expect(bare.map(([path]) => path)).toEqual([]);
  });
});
