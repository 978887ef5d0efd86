import type { ImageNetworkSpec } from "../../src/numerics/image-networks.ts";
import { type StageContext, StageError } from "../../src/stage.ts";

interface Kinds {
  readonly number: number;
  readonly text: string;
  /** An integer from 0. */
  readonly count: number;
  /** A list of integers from 1. */
  readonly sizes: readonly number[];
  readonly network: ImageNetworkSpec;
  /** Of ghost batches. */
  readonly averaging: "equal" | "samples";
  /** Of batch norm in evaluation. */
  readonly statistics: "running" | "population";
}

type Wanted = Readonly<Record<string, keyof Kinds>>;

type Params<W extends Wanted> = { readonly [K in keyof W]: Kinds[W[K]] };

const isSizes = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((size) => Number.isInteger(size) && size > 0);

const isSize = (value: unknown): boolean => isSizes([value]);

function isNetwork(value: unknown): boolean {
  if (typeof value === "string") return ["vgg10", "vgg19", "resnet20"].includes(value);
  const { kind, widths, convs, dense, blocks, act } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (kind === "vgg") return isSizes(widths) && isSize(convs) && isSize(dense);
  return (
    kind === "resnet" &&
    isSizes(widths) &&
    isSize(blocks) &&
    [undefined, "he", "before-addition"].includes(act as string)
  );
}

const CHECKS: { readonly [K in keyof Kinds]: (value: unknown) => boolean } = {
  number: (value) => typeof value === "number" && Number.isFinite(value),
  text: (value) => typeof value === "string",
  count: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  sizes: isSizes,
  network: isNetwork,
  averaging: (value) => value === "equal" || value === "samples",
  statistics: (value) => value === "running" || value === "population",
};

const NAMES: { readonly [K in keyof Kinds]: string } = {
  number: "a number",
  text: "text",
  count: "an integer from 0",
  sizes: "a list of integers from 1",
  network: "vgg10, vgg19, resnet20, { kind: vgg, widths, convs, dense } or { kind: resnet, widths, blocks }",
  averaging: "equal or samples",
  statistics: "running or population",
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
