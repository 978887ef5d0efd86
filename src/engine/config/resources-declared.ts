import type { Json } from "../../stage.ts";
import type { Resources } from "../plan/plan.ts";
import { parseMemory } from "../plan/resources.ts";
import { type Mapping, mapping, strings } from "./declared.ts";
import type { Evaluator } from "./evaluator.ts";
import { describe, isMapping } from "./expression.ts";
import type { Path } from "./source.ts";

/** The `resources:` of one instance; `undefined` where there are none or they are wrong, which is reported. */
export function resourcesOf(
  declared: Json | undefined,
  path: Path,
  row: Mapping,
  evaluator: Evaluator,
): Resources | undefined {
  if (declared === undefined) return undefined;
  const value = evaluator.json(mapping(declared), path, { variables: row });
  if (value === undefined) return undefined;
  const { tree, report } = evaluator;
  const { cpu, memory, gpu, mutex } = mapping(value);
  let whole = true;
  const check = <T>(raw: Json | undefined, at: Path, parse: (raw: Json) => T | undefined, remedy: string) => {
    if (raw === undefined) return undefined;
    const parsed = parse(raw);
    if (parsed !== undefined) return parsed;
    whole = false;
    const name = `\`${[...path, ...at].join(".")}\``;
    report.error("wrong-value", tree.valueAt([...path, ...at]), `${name} cannot be ${describe(raw)}`, remedy);
    return undefined;
  };
  const device: { readonly [key: string]: Json | undefined } = isMapping(gpu) ? gpu : { amount: gpu };
  const cores = check(cpu, ["cpu"], positive, "a number of cores above 0");
  const bytes = check(memory, ["memory"], memoryIn, "bytes, or a size such as 2GB or 512MiB");
  const amount = check(
    device.amount,
    isMapping(gpu) ? ["gpu", "amount"] : ["gpu"],
    devices,
    "a number of devices, or a part of one below 1",
  );
  if (!whole) return undefined;
  const of = Array.isArray(device.of) ? (device.of as readonly Json[]).map(String) : undefined;
  const optional = device.optional === true;
  return {
    ...(cores === undefined ? {} : { cpu: cores }),
    ...(bytes === undefined ? {} : { memory: bytes }),
    ...(amount === undefined
      ? {}
      : { gpu: { amount, ...(of === undefined ? {} : { of }), ...(optional ? { optional } : {}) } }),
    ...(mutex === undefined ? {} : { mutex: strings(mutex) }),
  };
}

function positive(value: Json): number | undefined {
  return typeof value === "number" && value > 0 ? value : undefined;
}

function memoryIn(value: Json): number | undefined {
  return typeof value === "number" || typeof value === "string" ? parseMemory(value) : undefined;
}

function devices(value: Json): number | undefined {
  const amount = positive(value);
  return amount !== undefined && (amount < 1 || Number.isInteger(amount)) ? amount : undefined;
}
