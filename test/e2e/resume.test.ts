import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeWorkspace, repository, type Workspace } from "../rig/workspace.ts";

const env = { PIPELINE_DEVICE: "onnx:cpu" };
const SIZES = ["--jobs", "1", "--set", "mlp.epochs=240"];
const three = ["--set", "mlp.etas=[0.02, 0.05, 0.1]"];

it("a training that is killed with -9 goes on, in another batch, to the bytes of one that was not", {
  timeout: 300_000,
}, async () => {
  const whole = copyOfTheRepository();
  const reference = await whole.runWith({ env }, "run", "train", ...SIZES, "--set", "mlp.etas=[0.02, 0.05, 0.1, 0.3]");
  expect(reference.code, reference.stdout + reference.stderr).toBe(0);

  const workspace = copyOfTheRepository();
  // States are saved every 50 epochs.
  const begun = workspace.start({ env }, "run", "train", "--json", ...SIZES, ...three);
  await begun.printed(/"type":"progress".*"done":(?:[6-9]\d|1\d\d),/);
  begun.kill("SIGKILL");
  expect((await begun.ended).signal).toBe("SIGKILL");
  expect(workspace.list("artifacts/runs")).toEqual([]);
  const states = workspace.list(".pipeline/resume").filter((file) => file.endsWith("state.safetensors"));
  expect(states.length).toBe(3);

  // Two of the three, and one that was not there.
  const again = await workspace.runWith(
    { env },
    ...["run", "train", "--json", ...SIZES, "--set", "mlp.etas=[0.3, 0.1, 0.05]"],
  );
  expect(again.code, again.stdout + again.stderr).toBe(0);
  const resumed = again.events.flatMap((event) =>
    event.type === "output" && event.line.startsWith("goes on from epoch") ? [event.line] : [],
  );
  expect(resumed.length).toBe(2);
  for (const line of resumed) expect(Number(line.split(" ").at(-1))).toBeGreaterThanOrEqual(50);
  expectSame("eta=0.3/", "eta=0.05/", "eta=0.1/");
  const rest = await workspace.runWith({ env }, "run", "train", ...SIZES, ...three);
  expect(rest.code, rest.stdout + rest.stderr).toBe(0);
  expectSame("eta=0.02/", "eta=0.05/", "eta=0.1/");

  function expectSame(...instances: readonly string[]): void {
    const files = whole.list("artifacts/runs").filter((file) => instances.some((name) => file.includes(name)));
    expect(files.length).toBe(2 * instances.length);
    for (const file of files) {
      const [found, expected] = [workspace, whole].map((each) => readFileSync(each.path(file)));
      expect(found!.equals(expected!), file).toBe(true);
    }
  }
});

function copyOfTheRepository(): Workspace {
  const workspace = makeWorkspace();
  for (const path of ["src", "stages", "schemas", "package.json", "package-lock.json", "pipeline.yaml"])
    cpSync(join(repository, path), workspace.path(path), { recursive: true });
  workspace.linkPackages();
  return workspace;
}
