import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expectedOutputs, type Graph } from "./graph.ts";
import type { Tool } from "./tools.ts";

export interface Measured {
  readonly commands: number;
  readonly right: boolean;
  readonly seconds: number;
}

/** A folder with the graph declared to one tool. */
export interface Site {
  readonly tool: Tool;
  readonly folder: string;
  /** Where each execution leaves its name. */
  readonly counter: string;
}

export function build(site: Site, graph: Graph, sources: ReadonlyMap<string, string>): Measured {
  writeFileSync(site.counter, "");
  const seconds = timed(site.tool.command, site.folder, site.tool.env);
  return { commands: executed(site).length, right: isRight(site, graph, sources), seconds };
}

/**
 * Certificates that an environment adds to Node's own are read at each start, which takes longer than the rest of it (here 37 ms
 * beside 24): no tool is to look better beside an empty process for that.
 */
const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;

export function timed(command: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): number {
  const started = performance.now();
  spawnSync(command[0]!, command.slice(1), { cwd, env: { ...environment, ...env }, stdio: "ignore", timeout: 120_000 });
  return (performance.now() - started) / 1000;
}

/** Seconds by the clock, and of processor time (user and system), which other work on the machine disturbs less. */
export interface Spent {
  readonly clock: number;
  readonly processor: number;
}

export function spend(command: readonly string[], cwd: string): Spent {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>&1';
  const { stderr } = spawnSync("bash", ["-c", script, "bash", ...command], {
    cwd,
    env: environment,
    encoding: "utf8",
  });
  const [clock = 0, user = 0, system = 0] = stderr.trim().split(" ").map(Number);
  return { clock, processor: user + system };
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

export function launch({ tool, folder }: Site): ChildProcess {
  const { command, env } = tool;
  return spawn(command[0]!, command.slice(1), {
    cwd: folder,
    env: { ...environment, ...env },
    stdio: "ignore",
    detached: true,
  });
}

export function executed({ counter }: Site): string[] {
  return existsSync(counter) ? readFileSync(counter, "utf8").split("\n").slice(0, -1) : [];
}

export function isRight(site: Site, graph: Graph, sources: ReadonlyMap<string, string>): boolean {
  const expected = expectedOutputs(graph, sources);
  return graph.nodes.every((node) => {
    const path = outputOf(site, node);
    return (
      statSync(path, { throwIfNoEntry: false }) !== undefined &&
      readFileSync(path, "utf8") === expected.get(node.output)
    );
  });
}

/** As after a fresh clone: no outputs, no caches, no records. */
export function forget(site: Site, graph: Graph): void {
  for (const name of [
    ".pipeline",
    ".ninja_log",
    ".ninja_deps",
    ".doit.db",
    ".doit.db.db",
    ".doit.db.dat",
    ".doit.db.dir",
    ".doit.db.bak",
    ".turbo",
    ".wireit",
    ".snakemake",
    "node_modules/.cache",
  ])
    rmSync(join(site.folder, name), { recursive: true, force: true });
  for (const node of graph.nodes) rmSync(outputOf(site, node), { force: true });
  writeFileSync(site.counter, "");
}

export function outputOf({ tool, folder }: Site, node: Graph["nodes"][number]): string {
  return join(folder, tool.output?.(node) ?? node.output);
}

export function placeOf(tool: Tool, path: string): string {
  return tool.source?.(path) ?? path;
}
