import { createHash } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeWorkspace, type Workspace } from "../../rig/workspace.ts";
import { runIn } from "./rig.ts";

const STAGES = 5;
const FILES = 2;

/** What each stage reads: earlier stages, files; and its param. */
interface Study {
  readonly deps: readonly (readonly number[])[];
  readonly inputs: readonly (readonly number[])[];
}

interface State {
  params: number[];
  files: number[];
}

type Edit =
  | { readonly type: "param" | "file"; readonly which: number; readonly value: number }
  | { readonly type: "delete" | "overwrite" | "lose-blobs"; readonly which: number; readonly value: number }
  | { readonly type: "forget"; readonly which: number; readonly value: number };

/** One hexadecimal digit: different inputs often make the same out, so that early cutoff has something to do. */
const digitOf = (text: string): string => `${createHash("sha256").update(text).digest("hex").slice(0, 1)}\n`;

/** What the outs must be, computed without the engine; and the inputs of each action. */
function expected({ deps, inputs }: Study, { params, files }: State): { outs: string[]; actions: string[] } {
  const outs: string[] = [];
  const actions: string[] = [];
  for (let i = 0; i < STAGES; i++) {
    const text = [
      `${params[i]}\n`,
      ...deps[i]!.map((dep) => outs[dep]),
      ...inputs[i]!.map((file) => `${files[file]}\n`),
    ].join("");
    outs.push(digitOf(text));
    actions.push(`${i}: ${text}`);
  }
  return { outs, actions };
}

function write(workspace: Workspace, { deps, inputs }: Study, { params, files }: State): void {
  const stages = params.map((param, i) => {
    const names = [...deps[i]!.map((dep) => `s${dep}`), ...inputs[i]!.map((file) => `f${file}`)];
    const declared = [
      ...deps[i]!.map((dep) => `s${dep}: s${dep}.x`),
      ...inputs[i]!.map((file) => `f${file}: { files: in/${file}.txt }`),
    ];
    const read = [`echo ${param}`, ...names.map((name) => `cat \${deps.${name}}`)].join("; ");
    const command = `${workspace.counting(`s${i}`)}; { ${read}; } | sha256sum | cut -c1 > \${outs.x}`;
    return `  s${i}: { cmd: ${JSON.stringify(command)}, deps: { ${declared.join(", ")} }, outs: { x: s${i}.txt } }\n`;
  });
  workspace.write("pipeline.yaml", `version: 1\nstages:\n${stages.join("")}`);
  files.forEach((value, i) => {
    workspace.write(`in/${i}.txt`, `${value}\n`);
  });
}

function apply(workspace: Workspace, state: State, { type, which, value }: Edit): void {
  const artifact = `artifacts/s${which % STAGES}.txt`;
  if (type === "param") state.params[which % STAGES] = value;
  else if (type === "file") state.files[which % FILES] = value;
  else if (type === "delete") workspace.remove(artifact);
  else if (type === "overwrite") workspace.write(artifact, `${value}\n`);
  else if (type === "forget") workspace.remove(".pipeline/index");
  else {
    for (const [i, blob] of workspace.list(".pipeline/cas").entries()) {
      if (i % 2 === value % 2) continue;
      chmodSync(workspace.path(blob), 0o644);
      writeFileSync(workspace.path(blob), "?");
    }
  }
}

describe("any graph under any edits", () => {
  const subset = (limit: number) => fc.uniqueArray(fc.nat(Math.max(0, limit - 1)), { maxLength: Math.min(limit, 2) });
  const studies: fc.Arbitrary<Study> = fc.record({
    deps: fc.tuple(...Array.from({ length: STAGES }, (_, i) => (i === 0 ? fc.constant([]) : subset(i)))),
    inputs: fc.tuple(...Array.from({ length: STAGES }, () => subset(FILES))),
  });
  const edit: fc.Arbitrary<Edit> = fc.record({
    type: fc.constantFrom("param", "param", "file", "file", "delete", "overwrite", "forget", "lose-blobs"),
    which: fc.nat(STAGES - 1),
    value: fc.nat(2),
  }) as fc.Arbitrary<Edit>;

  it("has the outs of a clean build, and does no action twice while its blobs are whole", async () => {
    await fc.assert(
      fc.asyncProperty(studies, fc.array(edit, { minLength: 3, maxLength: 7 }), async (study, edits) => {
        const workspace = makeWorkspace();
        const state: State = { params: Array(STAGES).fill(0), files: Array(FILES).fill(0) };
        const done = new Set<string>();
        let whole = true;
        for (const next of [undefined, ...edits]) {
          if (next !== undefined) apply(workspace, state, next);
          if (next?.type === "lose-blobs") whole = false;
          write(workspace, study, state);
          const before = workspace.count();
          const { result } = await runIn(workspace, { jobs: 4 });
          expect(result).toMatchObject({ failed: 0, skipped: 0 });
          const { outs, actions } = expected(study, state);
          outs.forEach((out, i) => {
            expect(workspace.read(`artifacts/s${i}.txt`), `s${i} after ${next?.type}`).toBe(out);
          });
          const fresh = actions.filter((action) => !done.has(action));
          if (whole) expect(workspace.count() - before).toBe(fresh.length);
          for (const action of actions) done.add(action);
        }
      }),
      { numRuns: 12 },
    );
    // Some hundred runs of the binary: a busy machine takes a minute for them.
  }, 180_000);
});
