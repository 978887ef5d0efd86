import { expect } from "vitest";
import type { Diagnostic } from "../../../src/engine/config/diagnostic.ts";
import { type LoadOptions, loadPlan } from "../../../src/engine/config/load.ts";
import type { Plan } from "../../../src/engine/plan/plan.ts";
import { makeWorkspace } from "../../rig/workspace.ts";

/** A pipeline.yaml with its mistakes marked: `⟦reason:the squiggled text⟧`. */
export interface Marked {
  readonly text: string;
  /** `line:column reason "squiggled text"`, in order. */
  readonly expected: readonly string[];
}

export function unmark(marked: string): Marked {
  let text = "";
  const expected: string[] = [];
  let at = 0;
  for (const match of marked.matchAll(/⟦([a-z-]+):([^⟧]*)⟧/g)) {
    text += marked.slice(at, match.index);
    const line = text.split("\n").length;
    const column = text.length - (text.lastIndexOf("\n") + 1) + 1;
    expected.push(`${line}:${column} ${match[1]} "${match[2]}"`);
    text += match[2];
    at = match.index + match[0].length;
  }
  return { text: text + marked.slice(at), expected };
}

/** Every workspace of these tests has the modules that their stages name. */
const FILES = {
  "stages/a.ts": "export default {};\n",
  "stages/train.ts": "export default {};\n",
  "data/one.csv": "1\n",
  "data/two.csv": "2\n",
  "schemas/table.schema.json": "{}\n",
};

/** Loads a marked pipeline.yaml and checks that its mistakes, all of them and no others, are told at the marked places. */
export async function expectMistakes(marked: string, options: LoadOptions = {}): Promise<readonly Diagnostic[]> {
  const { text, expected } = unmark(marked);
  const diagnostics = await diagnosticsOf(text, options);
  const told = diagnostics
    .filter(({ position }) => position.file === "pipeline.yaml")
    .map(({ position, reason, sourceLine, length }) => {
      const covered = sourceLine.slice(position.column - 1, position.column - 1 + length);
      return `${position.line}:${position.column} ${reason} "${covered}"`;
    });
  expect(told).toEqual(expected);
  for (const { message, remedy } of diagnostics) {
    expect(message).not.toBe("");
    expect(remedy).not.toBe("");
  }
  return diagnostics;
}

export async function diagnosticsOf(text: string, options: LoadOptions = {}): Promise<readonly Diagnostic[]> {
  const loaded = await loadPlan(makeWorkspace({ ...FILES, "pipeline.yaml": text }).root, options);
  return "diagnostics" in loaded ? loaded.diagnostics : loaded.warnings;
}

export async function planOf(text: string, options: LoadOptions = {}): Promise<Plan> {
  const loaded = await loadPlan(makeWorkspace({ ...FILES, "pipeline.yaml": text }).root, options);
  if ("diagnostics" in loaded) {
    const told = loaded.diagnostics.map(({ position, message }) => `${position.line}:${position.column} ${message}`);
    throw new Error(`this pipeline.yaml should be right:\n${told.join("\n")}`);
  }
  return loaded.plan;
}
