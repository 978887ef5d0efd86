/**
 * `npm run bench:engine`: the same graph of small commands for ninja, make, doit, turbo, wireit, snakemake and us.
 *
 * What counts first is which commands ran and whether the outputs are right (both known beforehand), then the time. Tools
 * take turns within each scenario. A tool that cannot be installed is named with the reason.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expectedOutputs, type Graph, makeGraph, sourcePath, write } from "./graph.ts";
import { allTools, pipeline, type Tool } from "./tools.ts";

const cache = resolve("node_modules/.cache/gd-instabilities/bench-engine");
const base = mkdtempSync(join(tmpdir(), "gd-instabilities-engine-bench-"));
const absent: string[] = [];
const tools = install();
const lines: string[] = [];

interface Measured {
  readonly commands: number;
  readonly right: boolean;
  readonly seconds: number;
}

interface Site {
  readonly tool: Tool;
  readonly folder: string;
  readonly counter: string;
}

const model = cpus()[0]?.model.trim() ?? "unknown CPU";
lines.push(
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model}, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)} at the start`,
  "",
);
await table(makeGraph(6, 6), tools, 5);
await table(
  makeGraph(10, 100),
  tools.filter(({ slow }) => slow !== true),
  5,
);
floors();
large();
undeclared();
rmSync(base, { recursive: true, force: true });
for (const line of absent) lines.push("", line);
process.stdout.write(`${lines.join("\n")}\n`);

/** All scenarios over one graph. */
async function table(graph: Graph, contenders: readonly Tool[], repeats: number): Promise<void> {
  const count = graph.nodes.length;
  const sites = contenders.map((tool): Site => {
    const folder = mkdtempSync(join(base, `${tool.name}-`));
    const site = { tool, folder, counter: join(base, `${tool.name}-${count}.txt`) };
    tool.declare(folder, graph, site.counter);
    for (const [path, text] of graph.sources) write(folder, placeOf(tool, path), text);
    return site;
  });
  const edited = new Map(graph.sources).set(sourcePath(0), "# source 0\nvalue edited\n");
  const commented = new Map(graph.sources).set(sourcePath(0), "# other words\nvalue 0\n");
  // The cone above one source: 1 + 2 + … + layers.
  const cone = (graph.layers * (graph.layers + 1)) / 2;
  lines.push(
    `**${count} commands** (commands executed, ✗ where outputs are wrong, seconds)`,
    "",
    `| scenario | least | ${contenders.map(({ name }) => name).join(" | ")} |`,
    `|---|---|${contenders.map(() => "---").join("|")}|`,
  );
  const row = async (
    title: string,
    least: number,
    act: (site: Site) => Measured | Promise<Measured>,
  ): Promise<void> => {
    const cells: string[] = [];
    for (const site of sites) {
      const { commands, right, seconds } = await act(site);
      cells.push(`${commands}${right ? "" : " ✗"} · ${seconds.toFixed(2)}`);
    }
    lines.push(`| ${title} | ${least} | ${cells.join(" | ")} |`);
    process.stderr.write(`${lines.at(-1)}\n`);
  };
  const edit = (site: Site, sources: ReadonlyMap<string, string>): void =>
    write(site.folder, placeOf(site.tool, sourcePath(0)), sources.get(sourcePath(0))!);

  await row("clean build", count, (site) => build(site, graph, graph.sources));
  await row(`nothing changed (median of ${repeats})`, 0, (site) => {
    const runs = Array.from({ length: repeats }, () => build(site, graph, graph.sources));
    const sorted = runs.map(({ seconds }) => seconds).sort((a, b) => a - b);
    return { ...runs.at(-1)!, seconds: sorted[repeats >> 1]! };
  });
  await row("one source edited", cone, (site) => {
    edit(site, edited);
    return build(site, graph, edited);
  });
  await row("back to the old state", 0, (site) => {
    edit(site, graph.sources);
    return build(site, graph, graph.sources);
  });
  await row("touched, not changed", 0, (site) => {
    const now = new Date();
    utimesSync(join(site.folder, placeOf(site.tool, sourcePath(0))), now, now);
    return build(site, graph, graph.sources);
  });
  await row("a comment edited", 1, (site) => {
    edit(site, commented);
    return build(site, graph, commented);
  });
  await row("outputs deleted", 0, (site) => {
    for (const node of graph.nodes) rmSync(outputOf(site, node), { force: true });
    return build(site, graph, commented);
  });
  await row("kill -9 halfway, then again (both)", count, async (site) => {
    forget(site, graph);
    const half = count / 2;
    const child = launch(site);
    while (child.exitCode === null && executed(site).length < half) await new Promise((done) => setTimeout(done, 5));
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    await new Promise<void>((done) =>
      child.exitCode === null && child.signalCode === null ? child.once("close", () => done()) : done(),
    );
    const before = executed(site).length;
    const rest = build(site, graph, commented);
    return { ...rest, commands: before + rest.commands };
  });
  await row("two runs at once", count, async (site) => {
    forget(site, graph);
    writeFileSync(site.counter, "");
    const started = performance.now();
    const both = [launch(site), launch(site)];
    await Promise.all(both.map((child) => new Promise<void>((done) => child.once("close", () => done()))));
    const seconds = (performance.now() - started) / 1000;
    return { commands: executed(site).length, right: isRight(site, graph, commented), seconds };
  });
  lines.push("");
}

/** Against what no build tool can beat: an empty process, and `cp -r`. Medians of rounds in which both take turns. */
function floors(): void {
  const graph = makeGraph(10, 100);
  const folder = mkdtempSync(join(base, "floors-"));
  const site = { tool: pipeline, folder, counter: join(base, "floors.txt") };
  pipeline.declare(folder, graph, site.counter);
  for (const [path, text] of graph.sources) write(folder, path, text);
  build(site, graph, graph.sources);
  const empty = join(base, "empty.cjs");
  writeFileSync(empty, "");
  const times = { empty: [] as number[], fresh: [] as number[], copy: [] as number[], restore: [] as number[] };
  for (let round = 0; round < 11; round++) {
    times.empty.push(timed([process.execPath, empty], folder));
    times.fresh.push(timed(pipeline.command, folder));
    rmSync(join(folder, "copy"), { recursive: true, force: true });
    if (round >= 5) continue;
    times.copy.push(timed(["cp", "-r", "artifacts", "copy"], folder));
    rmSync(join(folder, "artifacts"), { recursive: true });
    times.restore.push(timed(pipeline.command, folder));
  }
  const of = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
  const ms = (values: number[]): string => `${(1000 * of(values)).toFixed(0)} ms`;
  lines.push(
    `1,000 instances, nothing changed: ${ms(times.fresh)}, ${(of(times.fresh) / of(times.empty)).toFixed(2)}× an empty Node process (${ms(times.empty)}). ` +
      `1,000 outputs restored: ${ms(times.restore)}, ${((of(times.restore) - of(times.fresh)) / of(times.copy)).toFixed(2)}× \`cp -r\` (${ms(times.copy)}) beyond that no-op.`,
  );
  // Large outputs: what counts is bytes, and every one of them is verified.
  const big = mkdtempSync(join(base, "outputs-"));
  write(
    big,
    "pipeline.yaml",
    `version: 1\nstages:\n  big: { cmd: "head -c 500000000 /dev/urandom > \${outs.out}", outs: { out: big.bin } }\n`,
  );
  timed(pipeline.command, big);
  const copy = timed(["cp", "-r", "artifacts", "copy"], big);
  rmSync(join(big, "artifacts"), { recursive: true });
  const restore = timed(pipeline.command, big);
  lines.push(
    "",
    `One output of 500 MB restored and verified: ${restore.toFixed(2)} s, ${(restore / copy).toFixed(2)}× \`cp -r\` (${copy.toFixed(2)} s).`,
    "",
  );
  rmSync(big, { recursive: true });
}

/** A dep of 1 GiB: read once, never again while its stat is the same. */
function large(): void {
  const cells = [pipeline, ...tools.filter(({ name }) => name === "ninja" || name === "make")].map((tool) => {
    const folder = mkdtempSync(join(base, "large-"));
    const counter = join(base, "large.txt");
    const node = { name: "n0_0", layer: 0, inputs: ["big.bin"], output: "artifacts/n0_0.txt", producers: [] };
    const graph: Graph = { layers: 1, width: 1, nodes: [node], sources: new Map() };
    const file = openSync(join(folder, "big.bin"), "w");
    ftruncateSync(file, 2 ** 30);
    closeSync(file);
    tool.declare(folder, graph, counter);
    for (const path of ["pipeline.yaml", "build.ninja", "Makefile"]) {
      const at = join(folder, path);
      if (existsSync(at)) writeFileSync(at, readFileSync(at, "utf8").replace("sed '/^#/d'", "head -c 100"));
    }
    const cold = timed(tool.command, folder);
    const warm = timed(tool.command, folder);
    rmSync(folder, { recursive: true });
    return `${tool.name} ${cold.toFixed(2)} s cold, ${warm.toFixed(2)} s warm`;
  });
  lines.push(`An input of 1 GiB: ${cells.join("; ")}. Timestamps cost nothing; a content digest reads the file once.`);
}

/** A command that reads what it does not declare: who notices? */
function undeclared(): void {
  const folder = mkdtempSync(join(base, "undeclared-"));
  write(folder, "settings.txt", "1\n");
  write(
    folder,
    "pipeline.yaml",
    `version: 1\nstages:\n  a: { cmd: "cat settings.txt > \${outs.out}", outs: { out: a.txt } }\n`,
  );
  const traced = spawnSync(pipeline.command[0]!, [...pipeline.command.slice(1), "--trace"], { cwd: folder });
  lines.push(
    "",
    `An undeclared input: ninja, make, doit, turbo, wireit and snakemake take the file's next version for no change and say nothing, and so does a plain \`cmd:\` stage here; \`pipeline run --trace\` ${traced.status === 1 ? "fails the stage and names the file" : `ended with ${traced.status}`}. \`run:\` stages cannot read it at all.`,
  );
}

function build(site: Site, graph: Graph, sources: ReadonlyMap<string, string>): Measured {
  writeFileSync(site.counter, "");
  const seconds = timed(site.tool.command, site.folder, site.tool.env);
  return { commands: executed(site).length, right: isRight(site, graph, sources), seconds };
}

function timed(command: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): number {
  const started = performance.now();
  spawnSync(command[0]!, command.slice(1), { cwd, env: { ...process.env, ...env }, stdio: "ignore", timeout: 120_000 });
  return (performance.now() - started) / 1000;
}

function launch({ tool, folder }: Site): ReturnType<typeof spawn> {
  const { command, env } = tool;
  return spawn(command[0]!, command.slice(1), {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: "ignore",
    detached: true,
  });
}

function executed({ counter }: Site): string[] {
  return existsSync(counter) ? readFileSync(counter, "utf8").split("\n").slice(0, -1) : [];
}

function isRight(site: Site, graph: Graph, sources: ReadonlyMap<string, string>): boolean {
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
function forget(site: Site, graph: Graph): void {
  for (const name of [
    ".pipeline",
    ".ninja_log",
    ".ninja_deps",
    ".doit.db",
    ".doit.db.db",
    ".turbo",
    ".wireit",
    ".snakemake",
    "node_modules/.cache",
  ])
    rmSync(join(site.folder, name), { recursive: true, force: true });
  for (const node of graph.nodes) rmSync(outputOf(site, node), { force: true });
  writeFileSync(site.counter, "");
}

function outputOf({ tool, folder }: Site, node: Graph["nodes"][number]): string {
  return join(folder, tool.output?.(node) ?? node.output);
}

function placeOf(tool: Tool, path: string): string {
  return tool.source?.(path) ?? path;
}

/** Installs what npm and pip have into a folder of the benchmark's own, once, and finds the rest. */
function install(): Tool[] {
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
  attempt(join(bin, "doit"), [
    ["python3", "-m", "venv", "venv"],
    // The outer pip, which knows how this machine reaches its index.
    ["python3", "-m", "pip", "--python", "venv/bin/python", "install", "-q", "doit", "snakemake"],
  ]);
  return allTools({ packages, bin }).filter((tool) => {
    const program = tool.name === "wireit" ? join(packages, ".bin", "wireit") : tool.command[0]!;
    const found = program.includes("/") ? existsSync(program) : spawnSync("which", [program]).status === 0;
    if (!found) absent.push(`${tool.name} is absent: ${reasonOf(tool)}.`);
    return found;
  });
}

function reasonOf({ name }: Tool): string {
  if (name === "ninja" || name === "make")
    return `no \`${name}\` on the PATH (Debian: apt-get install ninja-build make)`;
  return name === "turbo" || name === "wireit"
    ? "npm could not install it"
    : "pip could not install it (`python3 -m pip install doit snakemake`)";
}
