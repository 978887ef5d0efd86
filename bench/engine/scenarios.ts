import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Graph, sourcePath, write } from "./graph.ts";
import {
  build,
  executed,
  forget,
  isRight,
  launch,
  type Measured,
  outputOf,
  placeOf,
  type Site,
  timed,
} from "./measure.ts";
import type { Tool } from "./tools.ts";

/** All scenarios over one graph. */
export async function scenarios(
  graph: Graph,
  contenders: readonly Tool[],
  repeats: number,
  base: string,
): Promise<readonly string[]> {
  const lines: string[] = [];
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
    if (site.tool.recover !== undefined) timed(site.tool.recover, site.folder);
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
  return lines;
}
