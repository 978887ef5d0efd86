import type { Json } from "../../stage.ts";
import { byCodeUnit, canonical } from "../system/json.ts";
import { digestOf } from "./digest.ts";
import type { Key } from "./plan.ts";

/**
 * One thing that decides an action's result: what kind of thing, which, and its value. A manifest is all of them, sorted;
 * its digest is the key, and the difference of two manifests is the explanation. So `why` cannot drift from the key.
 */
export type Ingredient = readonly [kind: string, subject: string, value: Json];
export type Manifest = readonly Ingredient[];

export function sortManifest(ingredients: Ingredient[]): Manifest {
  return ingredients.sort((a, b) => byCodeUnit(a[0], b[0]) || byCodeUnit(a[1], b[1]));
}

export function keyOf(manifest: Manifest): Key {
  return digestOf(canonical(manifest)) as string as Key;
}
