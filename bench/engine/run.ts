/**
 * `npm run bench:engine`: the same graph of small commands for ninja, make, doit, turbo, wireit, snakemake and us. With
 * `-- --write`, what it finds goes into README.md.
 *
 * What counts first is which commands ran and whether the outputs are right (both known beforehand), then the time. Tools
 * take turns within each scenario. A tool that cannot be installed is named with the reason.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { floors } from "./floors.ts";
import { makeGraph } from "./graph.ts";
import { largeInput, undeclaredInput } from "./inputs.ts";
import { install } from "./install.ts";
import { scenarios } from "./scenarios.ts";

const README = "bench/engine/README.md";
const [BEGIN, END] = ["<!-- recorded -->", "<!-- /recorded -->"];
const REPEATS = 5;

const started = performance.now();
const load = loadavg()[0]!;
const base = mkdtempSync(join(tmpdir(), "gd-instabilities-engine-bench-"));
const { tools, absent } = install();
const quick = tools.filter(({ slow }) => slow !== true);
const parts: (readonly string[])[] = [];
const part = (lines: readonly string[]): void => {
  parts.push(lines);
  process.stderr.write(`${lines.join("\n")}\n[${((performance.now() - started) / 1000).toFixed(0)} s]\n`);
};
// First of all: for minutes after thousands of files were deleted, ext4 is slow to make new ones.
const limits = floors(base);
part(await scenarios(makeGraph(6, 6), tools, REPEATS, base));
part(await scenarios(makeGraph(10, 100), quick, REPEATS, base));
part(limits);
part(largeInput(base, tools));
part(undeclaredInput(base, tools));
rmSync(base, { recursive: true, force: true });
if (absent.length > 0) part(absent);

const minutes = ((performance.now() - started) / 60_000).toFixed(1);
const machine = [
  new Date().toISOString().slice(0, 10),
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown CPU"}`,
  `Node ${process.version}`,
  ...tools.flatMap(({ name, version }) => (version === undefined ? [] : [`${name} ${versionOf(version)}`])),
  `load ${load.toFixed(1)} at the start and ${loadavg()[0]!.toFixed(1)} at the end (its own two jobs included), ${minutes} min`,
].join(", ");
const text = [machine, ...parts.map((lines) => lines.join("\n"))].join("\n\n");
process.stdout.write(`${text}\n`);
if (process.argv.includes("--write")) {
  const page = readFileSync(README, "utf8");
  const [before, rest] = [page.slice(0, page.indexOf(BEGIN)), page.slice(page.indexOf(END))];
  writeFileSync(README, `${before}${BEGIN}\n\n${text}\n\n${rest}`);
}

/** The first number with a dot that the program tells of itself. */
function versionOf([program, ...args]: readonly string[]): string {
  const { stdout } = spawnSync(program!, args, { encoding: "utf8" });
  return /\d+\.\d+[\w.]*/.exec(stdout ?? "")?.[0] ?? "of unknown version";
}
