import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { allTools, type Tool } from "./tools.ts";

const cache = resolve("node_modules/.cache/gd-instabilities/bench-engine");

/** Installs what npm and pip have into a folder of the benchmark's own, once, and finds the rest. */
export function install(): { readonly tools: readonly Tool[]; readonly absent: readonly string[] } {
  const absent: string[] = [];
  const packages = join(cache, "node_modules");
  const bin = join(cache, "venv", "bin");
  const attempt = (made: string, commands: readonly (readonly string[])[]): void => {
    if (existsSync(made)) return;
    mkdirSync(cache, { recursive: true });
    if (!existsSync(join(cache, "package.json"))) writeFileSync(join(cache, "package.json"), '{"private":true}');
    for (const [program, ...args] of commands)
      spawnSync(program!, args, { cwd: cache, stdio: "ignore", timeout: 180_000 });
  };
  attempt(join(packages, "turbo"), [["npm", "install", "--no-audit", "--no-fund", "turbo", "wireit"]]);
  if (!onPath("doit") || !onPath("snakemake"))
    attempt(join(bin, "doit"), [
      ["python3", "-m", "venv", "venv"],
      // The outer pip, which knows how this machine reaches its index.
      ["python3", "-m", "pip", "--python", "venv/bin/python", "install", "-q", "doit", "snakemake"],
    ]);
  const tools = allTools({
    packages,
    program: (name) => (existsSync(join(bin, name)) ? join(bin, name) : name),
  }).filter((tool) => {
    const program = tool.name === "wireit" ? join(packages, ".bin", "wireit") : tool.command[0]!;
    const found = program.includes("/") ? existsSync(program) : onPath(program);
    if (!found) absent.push(`${tool.name} is absent: ${reasonOf(tool)}.`);
    return found;
  });
  return { tools, absent };
}

function onPath(program: string): boolean {
  return spawnSync("which", [program]).status === 0;
}

function reasonOf({ name }: Tool): string {
  if (name === "ninja" || name === "make")
    return `no \`${name}\` on the PATH (Debian: apt-get install ninja-build make)`;
  return name === "turbo" || name === "wireit"
    ? "npm could not install it"
    : "neither pip nor the system has it (`python3 -m pip install doit snakemake`; Debian: apt-get install python3-doit snakemake)";
}
