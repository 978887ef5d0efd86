/** Specs that several figures share: `{"slot": "name"}` stands for what each of them puts there, a title or a scale's domain. */
import type { FigureSpec } from "./compile.ts";

/** The spec with every slot filled. Throws on a slot without a value, and on a value without a slot. */
export function fillSlots(spec: FigureSpec, values: Readonly<Record<string, unknown>>): FigureSpec {
  const used = new Set<string>();
  const visit = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== "object" || node === null) return node;
    const entries = Object.entries(node);
    const [first] = entries;
    if (entries.length === 1 && first?.[0] === "slot" && typeof first[1] === "string") {
      const name = first[1];
      if (!(name in values)) throw new Error(`the figure's spec has a slot that was not filled: ${name}`);
      used.add(name);
      return values[name];
    }
    return Object.fromEntries(entries.map(([key, value]) => [key, visit(value)]));
  };
  const filled = visit(spec) as FigureSpec;
  const unused = Object.keys(values).filter((name) => !used.has(name));
  if (unused.length > 0) throw new Error(`the figure's spec has no slot for: ${unused.join(", ")}`);
  return filled;
}
