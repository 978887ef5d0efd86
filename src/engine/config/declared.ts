import { posix } from "node:path";
import type { Json } from "../../stage.ts";
import { isMapping } from "./expression.ts";

export type Mapping = { readonly [key: string]: Json };

// A declaration is read as far as it has the right type. What has not has been reported by the schema, and is left out.

export function mapping(value: Json | undefined): Mapping {
  return isMapping(value) ? value : {};
}

export function text(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function strings(value: Json | undefined): string[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter((item) => typeof item === "string") : [];
}

/** A path or pattern without `./` and doubled slashes; a pattern's `!` stays in front. */
export function cleanPath(path: string): string {
  const negated = path.startsWith("!") ? "!" : "";
  return negated + posix.normalize(path.slice(negated.length));
}
