import type { Json } from "../../stage.ts";
import { suggest } from "../system/suggest.ts";
import { type Mapping, mapping, text } from "./declared.ts";
import type { Report } from "./diagnostic.ts";
import { isMapping } from "./expression.ts";
import { findCycles } from "./graph.ts";
import type { Tree } from "./source.ts";

/** What a profile says that is no param, each with its meaning for messages. */
const RESERVED = {
  extends: "a profile says with it which other one it builds on",
  executor: "a profile says with it where its actions run",
} as const;

/** The profiles that pipeline.yaml declares. */
export interface Profiles {
  readonly names: readonly string[];
  /** What a profile sets of the params. */
  overlayOf(name: string): Json;
  /** What a profile consists of, each over the one before: those that it extends, the farthest first, then itself. */
  lineOf(name: string): readonly string[];
}

/** Reports what profiles extend that there is not, circles, and params that would be taken for something else. */
export function profilesOf(tree: Tree, report: Report): Profiles {
  const root = mapping(tree.value);
  const profiles = mapping(root.profiles);
  const names = Object.keys(profiles);
  for (const [name, meaning] of Object.entries(RESERVED)) {
    if (!Object.hasOwn(mapping(root.params), name)) continue;
    const message = `a param cannot be named \`${name}\`: ${meaning}`;
    report.error("reserved-param", tree.keyAt(["params", name]), message, "give the param another name");
  }
  const extended = new Map<string, string>();
  for (const name of names) {
    const base = text(mapping(profiles[name]).extends);
    if (base === undefined) continue;
    if (names.includes(base)) {
      extended.set(name, base);
      continue;
    }
    const message = `there is no profile \`${base}\``;
    report.error(
      "unknown-profile",
      tree.valueAt(["profiles", name, "extends"]),
      message,
      suggest(base, names, "profiles"),
    );
  }
  const graph = new Map(names.map((name) => [name, new Set(extended.has(name) ? [extended.get(name)!] : [])]));
  for (const cycle of findCycles(graph)) {
    const message =
      cycle.length === 2
        ? `profile \`${cycle[0]}\` extends itself`
        : `profiles extend each other in a circle: ${cycle.join(" → ")}`;
    report.error("cycle", tree.valueAt(["profiles", cycle[0]!, "extends"]), message, "remove one of these `extends`");
  }
  return {
    names,
    overlayOf: (name) => withoutReserved(profiles[name] ?? {}),
    lineOf(name) {
      const line: string[] = [];
      // A circle has been reported: it ends where it closes.
      for (let at: string | undefined = name; at !== undefined && !line.includes(at); at = extended.get(at))
        line.push(at);
      return line.reverse();
    },
  };
}

function withoutReserved(overlay: Json): Json {
  if (!isMapping(overlay)) return overlay;
  const params: Mapping = Object.fromEntries(Object.entries(overlay).filter(([key]) => !Object.hasOwn(RESERVED, key)));
  return params;
}
