import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeGraph, write } from "./graph.ts";
import { build, median, processorSeconds, timed } from "./measure.ts";
import { pipeline } from "./tools.ts";

/** Against what no build tool can beat: an empty process, and `cp -r`. Medians of rounds in which both take turns. */
export function floors(base: string): readonly string[] {
  const graph = makeGraph(10, 100);
  const folder = mkdtempSync(join(base, "floors-"));
  const site = { tool: pipeline, folder, counter: join(base, "floors.txt") };
  pipeline.declare(folder, graph, site.counter);
  for (const [path, text] of graph.sources) write(folder, path, text);
  build(site, graph, graph.sources);
  const empty = join(base, "empty.cjs");
  writeFileSync(empty, "");
  const times = { empty: [] as number[], fresh: [] as number[], copy: [] as number[], restore: [] as number[] };
  for (let round = 0; round < 9; round++) {
    times.empty.push(processorSeconds([process.execPath, empty], folder));
    times.fresh.push(processorSeconds(pipeline.command, folder));
    rmSync(join(folder, "copy"), { recursive: true, force: true });
    if (round >= 5) continue;
    times.copy.push(processorSeconds(["cp", "-r", "artifacts", "copy"], folder));
    rmSync(join(folder, "artifacts"), { recursive: true });
    times.restore.push(processorSeconds(pipeline.command, folder));
  }
  const ms = (values: number[]): string => `${(1000 * median(values)).toFixed(0)} ms`;
  const noop = median(times.fresh);
  const lines = [
    `- 1,000 instances, nothing changed: ${ms(times.fresh)} of processor time, ${(noop / median(times.empty)).toFixed(2)}× an empty Node process (${ms(times.empty)}).`,
    `- 1,000 outputs restored: ${ms(times.restore)} of processor time, ${((median(times.restore) - noop) / median(times.copy)).toFixed(2)}× \`cp -r\` (${ms(times.copy)}) beyond that no-op.`,
  ];
  // Large outputs: what counts is bytes, and every one of them is verified.
  const big = mkdtempSync(join(base, "outputs-"));
  const stage = `big: { cmd: "head -c 500000000 /dev/urandom > \${outs.out}", outs: { out: big.bin } }`;
  write(big, "pipeline.yaml", `version: 1\nstages:\n  ${stage}\n`);
  timed(pipeline.command, big);
  const copy: number[] = [];
  const restore: number[] = [];
  for (let round = 0; round < 3; round++) {
    copy.push(timed(["cp", "-r", "artifacts", "copy"], big));
    rmSync(join(big, "copy"), { recursive: true });
    rmSync(join(big, "artifacts"), { recursive: true });
    restore.push(timed(pipeline.command, big));
  }
  rmSync(big, { recursive: true });
  const [ours, theirs] = [median(restore), median(copy)];
  lines.push(
    `- One output of 500 MB restored and verified: ${ours.toFixed(2)} s by the clock, ${(ours / theirs).toFixed(2)}× \`cp -r\` (${theirs.toFixed(2)} s).`,
  );
  return lines;
}
