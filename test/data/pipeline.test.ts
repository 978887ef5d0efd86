import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { makeWorkspace, repository, type Workspace } from "../rig/workspace.ts";

const data = join(repository, "stages", "data");
const mirror = process.env.PIPELINE_DATA_MIRROR;
const hasMirror = mirror !== undefined && existsSync(join(mirror, "fashion-mnist"));

if (!hasMirror) console.log("skipped: a download (set PIPELINE_DATA_MIRROR to a folder with fashion-mnist/*.gz)");

/** The project's own dataset, dln and fig01 stages in a workspace of their own, through the real binary. */
function workspace(source: "embedded" | "official" = "embedded"): Workspace {
  const files: Record<string, string | Uint8Array> = {
    "pipeline.yaml": `
version: 1
params: { data: { source: ${source}, train: 1000, test: 200 } }
stages:
  dataset:
    run: stages/dataset.ts
    params: { spec: "\${params.data}" }
    deps: { embedded: { files: "stages/data/*.gz" } }
    env: [PIPELINE_DATA_MIRROR, XDG_CACHE_HOME]
    reads: ["\${env.PIPELINE_DATA_MIRROR}"]
    writes: ["\${env.XDG_CACHE_HOME}/gd-instabilities"]
    outs: { data: datasets/fmnist.safetensors }
  dln:
    run: stages/dln.ts
    params: { start: [-0.1, 10], etas: [0.001, 0.0095, 0.011, 0.013] }
    outs: { table: dln/dln.json }
  fig01:
    run: stages/fig01.ts
    deps: { table: dln.table }
    outs: { spec: figures/fig01.vl.json, svg: figures/fig01.svg, png: figures/fig01.png, claims: claims/fig01.json }
`,
  };
  for (const stage of ["dataset", "dln", "fig01"]) {
    files[`stages/${stage}.ts`] =
      `export { default } from ${JSON.stringify(join(repository, "stages", `${stage}.ts`))};\n`;
  }
  for (const name of readdirSync(data)) files[`stages/data/${name}`] = readFileSync(join(data, name));
  const made = makeWorkspace(files);
  made.linkPackages();
  return made;
}

it("a truncated data file is named, with the remedy, and nothing is published", async () => {
  const made = workspace();
  const file = "stages/data/train-images-idx3-ubyte.gz";
  made.write(file, readFileSync(made.path(file)).subarray(0, 50_000));
  const { code, stdout, stderr } = await made.run("run", "dataset");
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(/train-images-idx3-ubyte\.gz is truncated/);
  expect(stdout + stderr).toMatch(/git checkout -- stages\/data/);
  expect(made.exists("artifacts/datasets/fmnist.safetensors")).toBe(false);
});

it("the figure is drawn in the sandbox, the same bytes in every workspace, and is fresh afterwards", async () => {
  const made = [workspace(), workspace()];
  for (const one of made) {
    const { code, stderr } = await one.run("run", "fig01", "--json");
    expect(code, stderr).toBe(0);
  }
  for (const out of ["figures/fig01.svg", "figures/fig01.vl.json", "figures/fig01.png", "claims/fig01.json"]) {
    const [first, second] = made.map((one) => readFileSync(one.path(`artifacts/${out}`)));
    expect(first!.equals(second!), out).toBe(true);
  }
  const again = await made[0]!.run("run", "fig01", "--json");
  expect(again.summary).toMatchObject({ ran: 0, fresh: 2, failed: 0 });
});

it.skipIf(!hasMirror)(
  "the official files are fetched once, kept in the user's cache, and give the embedded data's bytes",
  async () => {
    const server = createServer((request, response) => {
      const path = join(mirror ?? "", request.url ?? "");
      if (existsSync(path)) response.end(readFileSync(path));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const made = workspace("official");
    const cache = join(made.root, "..", "cache");
    const env = {
      PIPELINE_DATA_MIRROR: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      XDG_CACHE_HOME: cache,
    };
    const first = await made.runWith({ env }, "run", "dataset");
    expect(first.code, first.stdout + first.stderr).toBe(0);
    expect(readdirSync(join(cache, "gd-instabilities", "fashion-mnist"))).toHaveLength(4);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const second = await made.runWith({ env }, "run", "dataset", "--force");
    expect(second.code, second.stdout + second.stderr).toBe(0);
    const embedded = workspace();
    await embedded.run("run", "dataset");
    const bytes = (one: Workspace): Buffer => readFileSync(one.path("artifacts/datasets/fmnist.safetensors"));
    expect(bytes(made).equals(bytes(embedded))).toBe(true);
  },
);
