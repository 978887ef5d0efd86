import type { Json } from "../../stage.ts";
import { suggest } from "../system/suggest.ts";
import { describe, isMapping } from "./expression.ts";

/** The most numbers a compact list may stand for. */
const MAX_COUNT = 10_000;

const FIELDS = {
  geometric: { required: ["from", "ratio", "count"], optional: [] },
  linear: { required: ["from", "to", "count"], optional: [] },
  range: { required: ["from", "to"], optional: ["step"] },
} as const;

export type CompactKind = keyof typeof FIELDS;

export interface CompactProblem {
  /** The field that is wrong, or `undefined` for the mapping as a whole. */
  readonly field: string | undefined;
  readonly message: string;
  readonly remedy: string;
}

/** The kind of a mapping with that single key: `{ geometric: … }`, `{ linear: … }`, `{ range: … }`. */
export function compactKind(value: Json | undefined): CompactKind | undefined {
  if (!isMapping(value)) return undefined;
  const keys = Object.keys(value);
  const [only] = keys;
  return keys.length === 1 && only !== undefined && Object.hasOwn(FIELDS, only) ? (only as CompactKind) : undefined;
}

/**
 * The list that a compact one stands for:
 * - `geometric`: `from · ratioⁱ` for i < count;
 * - `linear`: `count` equally spaced numbers, `from` and `to` among them;
 * - `range`: `from`, `from + step`, … up to `to`, which is included when a step reaches it (step 1 unless given).
 *
 * Numbers are rounded to 12 significant digits, so that the names made of them are short and the same everywhere.
 */
export function expandCompact(kind: CompactKind, fields: Json): { list: number[] } | { problem: CompactProblem } {
  const { required, optional } = FIELDS[kind];
  const known: readonly string[] = [...required, ...optional];
  const form = `${kind}: { ${known.map((name) => `${name}: …`).join(", ")} }`;
  const fail = (field: string | undefined, message: string, remedy = `write ${form}`): { problem: CompactProblem } => ({
    problem: { field, message, remedy },
  });
  if (!isMapping(fields)) return fail(undefined, `\`${kind}\` needs a mapping`);
  const stranger = Object.keys(fields).find((name) => !known.includes(name));
  if (stranger !== undefined) {
    return fail(stranger, `\`${kind}\` has no \`${stranger}\``, suggest(stranger, known, "keys"));
  }
  const number = (name: string): number | undefined => {
    const value = fields[name];
    return typeof value === "number" && Number.isFinite(value) ? value : undefined;
  };
  for (const name of known) {
    if (fields[name] === undefined && !(optional as readonly string[]).includes(name)) {
      return fail(undefined, `\`${kind}\` needs \`${name}\``);
    }
    if (fields[name] !== undefined && number(name) === undefined) {
      return fail(name, `\`${name}\` is ${describe(fields[name]!)}, and should be a number`);
    }
  }
  const from = number("from")!;
  const count = kind === "range" ? stepsOf(from, number("to")!, number("step") ?? 1) : number("count")!;
  if (Number.isNaN(count)) {
    return fail(
      "step",
      "the step never leads from `from` to `to`",
      "give a step with the sign of to − from, and not 0",
    );
  }
  if (!Number.isInteger(count) || count < 1 || count > MAX_COUNT) {
    const what = kind === "range" ? `this range has ${count} numbers` : `\`count\` is ${count}`;
    return kind === "range"
      ? fail(undefined, what, `a compact list has 1 to ${MAX_COUNT} numbers`)
      : fail("count", what, `give a whole number from 1 to ${MAX_COUNT}`);
  }
  if (kind === "geometric" && number("ratio")! <= 0) {
    return fail("ratio", "`ratio` is not positive", "give a ratio above 0");
  }
  return { list: Array.from({ length: count }, (_, index) => round(term(index))) };

  function term(index: number): number {
    switch (kind) {
      case "geometric":
        return from * number("ratio")! ** index;
      case "linear":
        return count === 1 ? from : from + ((number("to")! - from) * index) / (count - 1);
      case "range":
        return from + (number("step") ?? 1) * index;
    }
  }
}

/** How many numbers a range has; NaN when its step leads away. The slack lets 0.1 reach 1 in ten steps. */
function stepsOf(from: number, to: number, step: number): number {
  if (step === 0 || (to - from) * step < 0) return Number.NaN;
  return Math.floor((to - from) / step + 1e-9) + 1;
}

function round(value: number): number {
  return Number(value.toPrecision(12));
}
