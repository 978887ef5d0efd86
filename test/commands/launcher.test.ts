import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { repository } from "../rig/workspace.ts";

/** A copy of the package as a clean clone has it: sources, packages, and no bundle. */
function clone(): { readonly root: string; readonly cache: string } {
  const root = mkdtempSync(join(tmpdir(), "pipeline-clone-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const part of ["bin", "src", "schemas", "package.json"])
    cpSync(join(repository, part), join(root, part), { recursive: true });
  mkdirSync(join(root, "node_modules"));
  for (const name of readdirSync(join(repository, "node_modules"))) {
    if (!name.startsWith(".")) symlinkSync(join(repository, "node_modules", name), join(root, "node_modules", name));
  }
  return { root, cache: cacheOf(root) };
}

const cacheOf = (root: string): string =>
  join(root, "node_modules", ".cache", "gd-instabilities", "cli", Buffer.from(root).toString("base64url").slice(-100));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(
  root: string,
  args: readonly string[],
  nodeArgs: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  return new Promise((fulfil, reject) => {
    const command = [...nodeArgs, join(root, "bin", "pipeline.js"), ...args];
    const child = spawn(process.execPath, command, {
      env: { PATH: process.env.PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => {
      stdout += text.toString();
    });
    child.stderr.on("data", (text: Buffer) => {
      stderr += text.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => fulfil({ code, stdout, stderr }));
  });
}

const bundles = (cache: string): string[] => readdirSync(cache).filter((name) => name !== "current.json");
const manifest = (cache: string): { id: string } =>
  JSON.parse(readFileSync(join(cache, "current.json"), "utf8")) as { id: string };

describe("the launcher", () => {
  it("bundles on the first start, and on the next only when a source has changed", async () => {
    const { root, cache } = clone();
    expect(await start(root, ["--version"])).toMatchObject({ code: 0, stderr: "" });
    const first = manifest(cache).id;
    expect(bundles(cache)).toEqual([first]);

    // Without esbuild a start can only come from the bundle that is there.
    rmSync(join(root, "node_modules", "esbuild"));
    writeFileSync(join(root, "src", "unrelated.ts"), "export {};\n");
    symlinkSync(join(repository, "node_modules", "esbuild"), join(root, "node_modules", "esbuild"));
    const file = join(root, "src", "commands", "help.ts");
    writeFileSync(file, readFileSync(file, "utf8").replace("COMMAND [options]", "CHANGED [options]"));
    expect((await start(root, ["--help"])).stdout).toContain("CHANGED");
    expect(manifest(cache).id).not.toBe(first);
    // The old bundle stays for processes that still run from it.
    expect(bundles(cache)).toContain(first);
  });

  it("loads no esbuild when the bundle is there", async () => {
    const { root } = clone();
    await start(root, ["--version"]);
    // A hook that refuses esbuild: the warm start has to do without.
    const refuse = `data:text/javascript,export async function resolve(s,c,n){if(s==="esbuild")throw new Error("esbuild loaded");return n(s,c)}`;
    const register = `data:text/javascript,import{register}from"node:module";register(${JSON.stringify(refuse)});`;
    expect(await start(root, ["--help"], ["--import", register])).toMatchObject({ code: 0, stderr: "" });
  });

  it("serves processes that start at once, each with a whole bundle", async () => {
    const { root, cache } = clone();
    const all = await Promise.all([1, 2, 3, 4].map(() => start(root, ["--help"])));
    for (const one of all) expect(one).toEqual(all[0]);
    expect(all[0]).toMatchObject({ code: 0, stderr: "" });
    expect(bundles(cache)).toEqual([manifest(cache).id]);
  });

  it("keeps the bundles of two checkouts that share their packages", async () => {
    const [one, two] = [clone().root, clone().root];
    rmSync(join(two, "node_modules"), { recursive: true });
    symlinkSync(join(one, "node_modules"), join(two, "node_modules"));
    for (const root of [one, two]) expect(await start(root, ["--version"])).toMatchObject({ code: 0, stderr: "" });
    const [first, second] = [one, two].map((root) => statSync(join(cacheOf(root), "current.json")).mtimeMs);
    for (const root of [one, two]) expect(await start(root, ["--version"])).toMatchObject({ code: 0, stderr: "" });
    expect([one, two].map((root) => statSync(join(cacheOf(root), "current.json")).mtimeMs)).toEqual([first, second]);
  });

  it("replaces a bundle that is broken or gone", async () => {
    const { root, cache } = clone();
    await start(root, ["--version"]);
    writeFileSync(join(cache, "current.json"), "{");
    expect(await start(root, ["--version"])).toMatchObject({ code: 0, stderr: "" });
    rmSync(join(cache, manifest(cache).id), { recursive: true });
    expect(await start(root, ["--version"])).toMatchObject({ code: 0, stderr: "" });
  });

  it("falls back to the temporary directory where node_modules cannot be written", async () => {
    const { root, cache } = clone();
    // A file in the way refuses everyone, the superuser too, whom permissions do not stop.
    writeFileSync(join(root, "node_modules", ".cache"), "");
    chmodSync(join(root, "node_modules", ".cache"), 0o400);
    const temporary = mkdtempSync(join(tmpdir(), "pipeline-tmp-"));
    onTestFinished(() => rmSync(temporary, { recursive: true, force: true }));
    const workspace = join(temporary, "workspace");
    mkdirSync(workspace);
    writeFileSync(join(workspace, "pipeline.yaml"), "version: 1\nstages: { a: { cmd: a } }\n");
    for (const round of ["first", "second"]) {
      const ended = await start(root, ["graph", "-C", workspace], [], { TMPDIR: temporary });
      expect({ round, ...ended }).toEqual({ round, code: 0, stdout: "a\n", stderr: "" });
    }
    expect(existsSync(cache)).toBe(false);
  });

  it("says in one sentence which Node it needs", async () => {
    const old = `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.18.3"}})`;
    expect(await start(repository, ["run"], ["--import", old])).toEqual({
      code: 2,
      stdout: "",
      stderr: "pipeline needs Node 20.19 or newer, and this is Node 20.18.3.\n",
    });
  });

  it("shows a bug with the places in our sources", async () => {
    const { root } = clone();
    const file = join(root, "src", "commands", "graph.ts");
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace(
        "const nodes = collapse(",
        "throw new Error('a bug');\nconst nodes = collapse(",
      ),
    );
    const line =
      readFileSync(file, "utf8")
        .split("\n")
        .findIndex((text) => text.includes("a bug")) + 1;
    writeFileSync(join(root, "pipeline.yaml"), "version: 1\nstages: { a: { cmd: a } }\n");
    const { code, stderr } = await start(root, ["graph", "-C", root]);
    expect(code).toBe(70);
    expect(stderr).toContain("pipeline has a bug");
    expect(stderr).toContain(`src/commands/graph.ts:${line}:`);
  });
});
