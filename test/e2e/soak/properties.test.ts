import { rmSync, utimesSync } from "node:fs";
import { availableParallelism } from "node:os";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadPlan } from "../../../src/engine/config/load.ts";
import type { Event } from "../../../src/engine/plan/event.ts";
import { runPlan } from "../../../src/engine/run/run.ts";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";
import { full } from "./layers.ts";

const SOURCES = 3;

/** What a stage does to the text of its inputs; some lose what distinguishes them, so that later stages see equal bytes. */
const OPERATIONS = {
  concatenate: { shell: "cat $in", model: (text: string) => text },
  // Reads to the end: a reader that stops early would end `cat` by SIGPIPE, which pipefail takes for a failure.
  first: { shell: "cat $in | { head -c 1; cat > /dev/null; }", model: (text: string) => text.slice(0, 1) },
  length: { shell: "cat $in | wc -c | tr -d ' '", model: (text: string) => `${Buffer.byteLength(text)}\n` },
  constant: { shell: "echo same", model: () => "same\n" },
} as const;
type Operation = keyof typeof OPERATIONS;

interface Stage {
  readonly operation: Operation;
  /** Sources are 0, 1, …; then stages in order. Reduced modulo what there is before the stage. */
  readonly inputs: readonly number[];
}

type Edit =
  | { readonly type: "source"; readonly source: number; readonly text: string }
  | { readonly type: "touch"; readonly source: number }
  | { readonly type: "operation"; readonly stage: number; readonly operation: Operation }
  | { readonly type: "inputs"; readonly stage: number; readonly inputs: readonly number[] }
  | { readonly type: "delete" | "scribble"; readonly stage: number }
  | { readonly type: "blob"; readonly which: number }
  | { readonly type: "indexes" };

const operation = fc.constantFrom(...(Object.keys(OPERATIONS) as Operation[]));
const inputs = fc.uniqueArray(fc.nat(20), { minLength: 1, maxLength: 3 });
const text = fc.constantFrom("a", "b", "ab", "ba", "");
const stage = fc.nat(20);
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("source"), source: fc.nat(SOURCES - 1), text }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("touch"), source: fc.nat(SOURCES - 1) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("operation"), stage, operation }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("inputs"), stage, inputs }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("delete", "scribble"), stage }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("blob"), which: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("indexes") }) },
);

describe("random graphs under random edits", () => {
  // test/engine/back/edits.test.ts has the quick sample of this; here graphs themselves change, too, and many more of them.
  it.skipIf(!full)(
    "have the outs of a clean build, and run nothing whose inputs they have seen (only with SOAK=full)",
    {
      timeout: 1_200_000,
    },
    async () => {
      const graphs = fc.array(fc.record({ operation, inputs }), { minLength: 1, maxLength: 6 });
      await fc.assert(fc.asyncProperty(graphs, fc.array(edit, { minLength: 1, maxLength: 5 }), check), {
        numRuns: 200,
        seed: 20_240_613,
        endOnFailure: false,
        interruptAfterTimeLimit: 900_000,
      });
    },
  );
});

async function check(initial: readonly Stage[], edits: readonly Edit[]): Promise<void> {
  const workspace = makeWorkspace();
  try {
    const stages = [...initial];
    const sources = Array.from({ length: SOURCES }, (_, i) => `${i}`);
    sources.forEach((content, i) => {
      workspace.write(`source${i}.txt`, content);
    });
    /** Operation, inputs and their content: what was made once is never made again while the cache has it. */
    const seen = new Set<string>();
    let lost = false;
    for (const change of [undefined, ...edits]) {
      if (change !== undefined) lost ||= apply(change, workspace, stages, sources);
      workspace.write("pipeline.yaml", declare(stages));
      const { outs, identities } = evaluate(stages, sources);
      const events = await run(workspace.root);
      outs.forEach((content, i) => {
        expect(workspace.read(`artifacts/o${i}.txt`)).toBe(content);
      });
      for (const event of events) {
        if (event.type !== "ran") continue;
        const identity = identities[Number(event.instance.slice(1))]!;
        // A blob that is gone has to be made again.
        if (!lost) expect(seen.has(identity), `${event.instance} ran again`).toBe(false);
      }
      for (const identity of identities) seen.add(identity);
      // And then there is nothing to do.
      expect((await run(workspace.root)).filter(({ type }) => type === "ran" || type === "restored")).toEqual([]);
    }
  } finally {
    rmSync(workspace.root, { recursive: true, force: true });
  }
}

/** Does the edit; says whether the cache has lost something. */
function apply(change: Edit, workspace: Workspace, stages: Stage[], sources: string[]): boolean {
  const at = "stage" in change ? change.stage % stages.length : 0;
  switch (change.type) {
    case "source":
      sources[change.source] = change.text;
      workspace.write(`source${change.source}.txt`, change.text);
      return false;
    case "touch":
      utimesSync(workspace.path(`source${change.source}.txt`), new Date(), new Date());
      return false;
    case "operation":
      stages[at] = { ...stages[at]!, operation: change.operation };
      return false;
    case "inputs":
      stages[at] = { ...stages[at]!, inputs: change.inputs };
      return false;
    case "delete":
      workspace.remove(`artifacts/o${at}.txt`);
      return false;
    case "scribble":
      workspace.write(`artifacts/o${at}.txt`, "scribble");
      return false;
    case "blob": {
      const blobs = workspace.list(".pipeline/cas");
      if (blobs.length > 0) workspace.remove(blobs[change.which % blobs.length]!);
      return true;
    }
    case "indexes":
      workspace.remove(".pipeline/index");
      return false;
    default:
      return change satisfies never;
  }
}

/** The inputs of a stage: sources and stages before it, each once. */
function inputsOf(stages: readonly Stage[], index: number): number[] {
  return [...new Set(stages[index]!.inputs.map((input) => input % (SOURCES + index)))];
}

function declare(stages: readonly Stage[]): string {
  const texts = stages.map((stage, index) => {
    const deps = inputsOf(stages, index).map((input) =>
      input < SOURCES ? `d${input}: { files: source${input}.txt }` : `d${input}: s${input - SOURCES}.x`,
    );
    const names = inputsOf(stages, index).map((input) => `\${deps.d${input}}`);
    const command = OPERATIONS[stage.operation].shell.replace("$in", names.join(" "));
    return `  s${index}:\n    cmd: ${JSON.stringify(`${command} > \${outs.x}`)}\n    deps: { ${deps.join(", ")} }\n    outs: { x: o${index}.txt }\n`;
  });
  return `version: 1\nstages:\n${texts.join("")}`;
}

function evaluate(stages: readonly Stage[], sources: readonly string[]): { outs: string[]; identities: string[] } {
  const outs: string[] = [];
  const identities = stages.map(({ operation }, index) => {
    const read = inputsOf(stages, index);
    const texts = read.map((input) => (input < SOURCES ? sources[input]! : outs[input - SOURCES]!));
    outs.push(OPERATIONS[operation].model(texts.join("")));
    return JSON.stringify([index, operation, read, texts]);
  });
  return { outs, identities };
}

async function run(root: string): Promise<Event[]> {
  const loaded = await loadPlan(root);
  if (!("plan" in loaded)) throw new Error(JSON.stringify(loaded.diagnostics));
  const events: Event[] = [];
  const options = {
    jobs: availableParallelism(),
    force: false,
    keepGoing: false,
    signal: new AbortController().signal,
    environment: { PATH: process.env.PATH },
  };
  const summary = await runPlan(loaded.plan, [], options, (event) => events.push(event));
  expect(summary).toMatchObject({ failed: 0, skipped: 0 });
  return events;
}
