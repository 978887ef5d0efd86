import { cpSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Event } from "../../src/engine/plan/event.ts";
import { makeWorkspace, type Outcome, repository, type Workspace } from "../rig/workspace.ts";
import { expectRecordsToBeReproduced } from "./recompute.ts";

/**
 * The project's main promise, kept by the real pipeline in a copy of the repository: figures from nothing, nothing again
 * when nothing changed, and after an edit exactly what the edit touches.
 */
describe("npx pipeline run", () => {
  it("makes the figures, then only what an edit makes stale", { timeout: 600_000 }, async () => {
    const workspace = copyOfTheRepository();

    const first = await run(workspace);
    expect(first.code, first.stdout + first.stderr).toBe(0);
    expect(first.summary).toMatchObject({ failed: 0, skipped: 0, fresh: 0, restored: 0 });
    for (const figure of ["fig01", "fig02", "fig04", "fig05a", "fig12a"]) {
      for (const ending of ["vl.json", "svg", "png"])
        expect(workspace.exists(`artifacts/figures/${figure}.${ending}`)).toBe(true);
      expect(workspace.exists(`artifacts/claims/${figure}.json`)).toBe(true);
    }
    await expectRecordsToBeReproduced(workspace);
    const total = first.summary!.ran;
    const reference = digests(workspace);

    const second = await run(workspace);
    expect(second.summary).toMatchObject({ ran: 0, restored: 0, fresh: total, failed: 0 });

    const basis = "src/numerics/basis.ts";
    const source = workspace.read(basis);
    workspace.write(basis, `// A comment that explains nothing.\n${source}`);
    expect((await run(workspace)).summary).toMatchObject({ ran: 0, restored: 0, fresh: total });

    // Twice is enough: the threshold of re-orthogonalisation is the eigensolver's own constant.
    expect(source).toContain("Math.SQRT1_2");
    workspace.write(basis, source.replaceAll("Math.SQRT1_2", "0.7"));
    const why = await workspace.run("why", "sharpness");
    expect(why.stdout).toContain(basis);
    const edited = await run(workspace, "fig01", "fig02", "fig04", "fig05a", "fig09", "fig12a");
    expect(edited.code, edited.stdout + edited.stderr).toBe(0);
    for (const untouched of ["dataset", "dln", "fig01", "train", "model"])
      expect(stagesThatRan(edited)).not.toContain(untouched);
    expect(stagesThatRan(edited)).toEqual(expect.arrayContaining(["sharpness", "hessian"]));

    workspace.write(basis, source);
    const reverted = await run(workspace);
    expect(reverted.summary).toMatchObject({ ran: 0, failed: 0 });
    expect(digests(workspace)).toEqual(reference);

    const more = await run(workspace, "--set", "mlp.etas=[0.02, 0.05, 0.1, 0.07]");
    expect(more.code, more.stdout + more.stderr).toBe(0);
    const trained = more.events.flatMap((event) => (event.type === "ran" ? [String(event.instance)] : []));
    expect(trained.filter((name) => name.startsWith("train@"))).toEqual(["train@eta=0.07"]);
    // The report of how eigenproblems were solved is about all of them.
    for (const name of trained) expect(name).toMatch(/@eta=0\.07$|^fig|^convergence$/);
  });
});

const run = (workspace: Workspace, ...args: string[]): Promise<Outcome> =>
  workspace.runWith({ env: { PIPELINE_DEVICE: "onnx:cpu" } }, "run", "--json", ...args);

function stagesThatRan(outcome: Outcome): string[] {
  const names = outcome.events.filter((event): event is Event & { type: "ran" } => event.type === "ran");
  return [...new Set(names.map((event) => event.instance.split("@")[0]!))];
}

/** Every artifact's bytes, as base64 so that a difference names its file. */
function digests(workspace: Workspace): Record<string, number | string> {
  return Object.fromEntries(
    workspace
      .list("artifacts")
      .filter((file) => /\.(json|svg)$/.test(file))
      .map((file) => [file, workspace.read(file)]),
  );
}

function copyOfTheRepository(): Workspace {
  const workspace = makeWorkspace();
  const left = new Set(["node_modules", ".git", ".pipeline", "artifacts", "test", "bench", "docs"]);
  for (const name of readdirSync(repository))
    if (!left.has(name)) cpSync(join(repository, name), workspace.path(name), { recursive: true });
  workspace.linkPackages();
  expect(existsSync(workspace.path("pipeline.yaml"))).toBe(true);
  return workspace;
}
