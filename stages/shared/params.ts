import { type StageContext, StageError } from "../../src/stage.ts";

interface Kinds {
  readonly number: number;
  /** An integer from 0. */
  readonly count: number;
  /** A list of integers from 1. */
  readonly sizes: readonly number[];
}

type Wanted = Readonly<Record<string, keyof Kinds>>;

type Params<W extends Wanted> = { readonly [K in keyof W]: Kinds[W[K]] };

const CHECKS: { readonly [K in keyof Kinds]: (value: unknown) => boolean } = {
  number: (value) => typeof value === "number" && Number.isFinite(value),
  count: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  sizes: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((size) => Number.isInteger(size) && size > 0),
};

const NAMES: { readonly [K in keyof Kinds]: string } = {
  number: "a number",
  count: "an integer from 0",
  sizes: "a list of integers from 1",
};

/** The stage's params, each of the kind that it must be. */
export function paramsOf<W extends Wanted>(context: StageContext, wanted: W): Params<W> {
  const given = (context.params ?? {}) as Readonly<Record<string, unknown>>;
  for (const [name, kind] of Object.entries(wanted)) {
    if (CHECKS[kind](given[name])) continue;
    const found = given[name] === undefined ? "missing" : JSON.stringify(given[name]);
    throw new StageError(`${context.name}: param '${name}' must be ${NAMES[kind]}, it is ${found}`);
  }
  return given as Params<W>;
}
