import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";

const folder = join(import.meta.dirname, "..", "..", "schemas");
const read = (name: string): object => JSON.parse(readFileSync(join(folder, `${name}.schema.json`), "utf8")) as object;

/** Complaints of `schemas/NAME.schema.json` about a value; none if it fits. */
export function complaints(name: string, value: unknown): readonly string[] {
  const ajv = new Ajv({ allErrors: true, strict: false, schemas: ["provenance", "solves"].map(read) });
  const check = ajv.compile(read(name));
  check(value);
  return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
