import { cpSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeWorkspace, repository, type Workspace } from "../rig/workspace.ts";

/** What is asked of the real pipeline here: three trainings and all that is computed from their first instability. */
const SMALL = ["mlp.epochs=60", "snapshots.count=1", "sharpness.stride=10"].flatMap((set) => ["--set", set]);
const ALL = ["train", "sharpness", "hessian", "intervene"];

describe("stages that batch their instances", () => {
  it("make the same bytes as one by one: replicas of one program, and sessions that are shared", {
    timeout: 300_000,
  }, async () => {
    const together = copyOfTheRepository((text) => text);
    const alone = copyOfTheRepository((text) => text.replaceAll(/^ {4}batch:.*\n/gm, ""));
    expect(alone.read("pipeline.yaml").length).toBeLessThan(together.read("pipeline.yaml").length);

    // One process a stage.
    const batched = await run(together, ...ALL, "--jobs", "1");
    const single = await run(alone, ...ALL, "--jobs", "2");
    expect(contents(together)).toEqual(contents(alone));
    expect(batched.summary!.ran).toBe(single.summary!.ran);
    expect(batched.summary!.ran).toBe(1 + 3 + 3 + 1 + 1 + 4);
    // Another batch: two of what was made together are made again with a newcomer.
    const reference = contents(alone);
    together.remove("artifacts");
    together.remove(".pipeline");
    await run(together, "train", "--jobs", "1", "--set", "mlp.etas=[0.1, 0.03, 0.05]");
    const again = Object.entries(contents(together)).filter(([file]) => !file.includes("eta=0.03"));
    expect(again).toHaveLength(1 + 2 * 2);
    for (const [file, bytes] of again) expect(reference[file] === bytes, file).toBe(true);
  });
});

async function run(workspace: Workspace, ...args: string[]) {
  const env = { PIPELINE_DEVICE: "onnx:cpu" };
  const outcome = await workspace.runWith({ env }, "run", "--json", ...SMALL, ...args);
  expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
  return outcome;
}

function contents(workspace: Workspace): Record<string, string> {
  return Object.fromEntries(workspace.list("artifacts").map((file) => [file, workspace.read(file)]));
}

function copyOfTheRepository(edit: (pipeline: string) => string): Workspace {
  const workspace = makeWorkspace();
  for (const path of ["src", "stages", "schemas", "package.json", "package-lock.json", "pipeline.yaml"])
    cpSync(join(repository, path), workspace.path(path), { recursive: true });
  workspace.write("pipeline.yaml", edit(workspace.read("pipeline.yaml")));
  workspace.linkPackages();
  return workspace;
}
