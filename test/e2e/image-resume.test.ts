import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeWorkspace, repository, type Workspace } from "../rig/workspace.ts";

const env = { PIPELINE_DEVICE: "onnx:cpu" };
const SIZES = [
  ...["--jobs", "1", "--set", "images.etas=[0.015, 0.3]", "--set", "images.seeds=[0]", "--set", "images.cap=200"],
  ...["--set", "images.data.train=32", "--set", "images.ghostBatch=16", "--set", "images.reduced.etas=[0.3]"],
  ...["--set", "images.curvature.etas=[0.3]"],
];

it("image-model, killed with -9 in the middle, goes on to the bytes of one that was not", {
  timeout: 300_000,
}, async () => {
  const whole = copyOfTheRepository();
  const reference = await whole.runWith({ env }, "run", "image-model", ...SIZES);
  expect(reference.code, reference.stdout + reference.stderr).toBe(0);

  const workspace = copyOfTheRepository();
  const begun = workspace.start({ env }, "run", "image-model", "--json", ...SIZES);
  await begun.printed(/"type":"progress".*"done":(?:[6-9]\d|1\d\d),/);
  begun.kill("SIGKILL");
  expect((await begun.ended).signal).toBe("SIGKILL");
  const states = workspace.list(".pipeline/resume").filter((file) => file.endsWith("state.safetensors"));
  expect(states.length).toBeGreaterThanOrEqual(1);

  const again = await workspace.runWith({ env }, "run", "image-model", "--json", ...SIZES);
  expect(again.code, again.stdout + again.stderr).toBe(0);
  const resumed = again.events.flatMap((event) => {
    const epoch = event.type === "output" ? /^goes on from epoch (\d+)/.exec(event.line)?.[1] : undefined;
    return epoch === undefined ? [] : [Number(epoch)];
  });
  expect(resumed.length).toBeGreaterThanOrEqual(1);
  expect(resumed[0]).toBeGreaterThanOrEqual(50);
  const files = whole.list("artifacts/image-models");
  expect(files).toHaveLength(4);
  for (const file of files) {
    const [found, expected] = [workspace, whole].map((each) => readFileSync(each.path(file)));
    expect(found!.equals(expected!), file).toBe(true);
  }
  // What was kept to go on with is gone with the action's end.
  expect(workspace.list(".pipeline/resume").filter((file) => file.endsWith(".safetensors"))).toEqual([]);
});

it("the spectra of image networks, killed with -9 in the middle, go on to the bytes of those that were not", {
  timeout: 300_000,
}, async () => {
  const [whole, workspace] = [copyOfTheRepository(), copyOfTheRepository()];
  for (const each of [whole, workspace]) {
    const { code, stdout, stderr } = await each.runWith({ env }, "run", "image-model", ...SIZES);
    expect(code, stdout + stderr).toBe(0);
  }
  for (const stage of ["image-curvature", "image-spectrum", "image-stable"]) {
    const reference = await whole.runWith({ env }, "run", stage, ...SIZES);
    expect(reference.code, reference.stdout + reference.stderr).toBe(0);
    const begun = workspace.start({ env }, "run", stage, "--json", ...SIZES);
    await begun.printed(/"type":"progress".*"done":1,/);
    begun.kill("SIGKILL");
    expect((await begun.ended).signal).toBe("SIGKILL");

    const again = await workspace.runWith({ env }, "run", stage, "--json", ...SIZES);
    expect(again.code, again.stdout + again.stderr).toBe(0);
    const resumed = again.events.flatMap((event) => {
      const count = event.type === "output" ? /^goes on after (\d+) Hessian/.exec(event.line)?.[1] : undefined;
      return count === undefined ? [] : [Number(count)];
    });
    expect(resumed, stage).toHaveLength(1);
    // The first of its parts at least.
    expect(resumed[0], stage).toBeGreaterThan(5);
    const files = whole.list("artifacts/image-models");
    expect(workspace.list("artifacts/image-models")).toEqual(files);
    for (const file of files) {
      const [found, expected] = [workspace, whole].map((each) => readFileSync(each.path(file)));
      expect(found!.equals(expected!), file).toBe(true);
    }
    expect(workspace.list(".pipeline/resume").filter((file) => file.endsWith("products"))).toEqual([]);
  }
});

function copyOfTheRepository(): Workspace {
  const workspace = makeWorkspace();
  for (const path of ["src", "stages", "schemas", "package.json", "package-lock.json", "pipeline.yaml"])
    cpSync(join(repository, path), workspace.path(path), { recursive: true });
  workspace.linkPackages();
  // The pace of days, at which this would never save: here each ghost batch does.
  const pace = workspace.path("stages/shared/image-run.ts");
  const source = readFileSync(pace, "utf8");
  expect(source).toContain("const SAVE_MS = 30_000;");
  writeFileSync(pace, source.replace("const SAVE_MS = 30_000;", "const SAVE_MS = 0;"));
  return workspace;
}
