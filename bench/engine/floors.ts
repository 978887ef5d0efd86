import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeGraph, write } from "./graph.ts";
import { leastRestore } from "./least.ts";
import { build, median, type Spent, spend } from "./measure.ts";
import { pipeline } from "./tools.ts";

/** Against what no build tool can beat: an empty process, and `cp -r`. Medians of rounds in which all take turns. */
export function floors(base: string): readonly string[] {
  const graph = makeGraph(10, 100);
  const folder = mkdtempSync(join(base, "floors-"));
  const site = { tool: pipeline, folder, counter: join(base, "floors.txt") };
  pipeline.declare(folder, graph, site.counter);
  for (const [path, text] of graph.sources) write(folder, path, text);
  build(site, graph, graph.sources);
  const empty = join(base, "empty.cjs");
  writeFileSync(empty, "");
  const tiny = restores(folder, 7, true);
  const [first, again, start] = [[], [], []] as [number[], number[], number[]];
  for (let round = 0; round < 9; round++) {
    // Then it has to look at everything, and keeps what it saw; the next one looks whether all is as it was.
    rmSync(join(folder, ".pipeline", "index", "idle.jsonl"), { force: true });
    first.push(spend(pipeline.command, folder).processor);
    again.push(spend(pipeline.command, folder).processor);
    start.push(spend([process.execPath, empty], folder).processor);
  }
  const ms = (seconds: number): string => `${(1000 * seconds).toFixed(0)} ms`;
  const times = (seconds: number): string => `${ms(seconds)}, ${(seconds / median(start)).toFixed(2)}×`;
  return [
    `- 1,000 instances, nothing changed: ${times(median(again))} an empty Node process (${ms(median(start))}), processor time of both; the first time after something was done ${times(median(first))}.`,
    told("1,000 outputs of a few bytes", tiny),
    // What counts in large ones is bytes.
    told("Four outputs of 125 MB", large(base, 4, 125_000_000)),
    told("One output of 500 MB", large(base, 1, 500_000_000)),
    told("One output of 1 GiB", large(base, 1, 2 ** 30)),
  ];
}

interface Restores {
  readonly noop: Spent;
  readonly copy: Spent;
  readonly least: Spent;
  readonly restore: Spent;
}

/** Goes the ordinary way each time, as runs do that have something to do (docs/engine.md, "A run that has nothing to do"). */
const ORDINARY = [...pipeline.command, "--cwd", "."];

/**
 * A run that has nothing to do, `cp -r` of the artifacts, a run that has to restore all of them, and the least that Node can
 * do for that. They take turns at being the first: memory that nobody has had for a while costs whoever gets it. Many files are
 * kept (`keeps`) until all is over: before ext4 takes a free inode, it looks at each that was freed a moment ago.
 */
function restores(folder: string, rounds: number, keeps: boolean): Restores {
  const spent = { noop: [] as Spent[], copy: [] as Spent[], least: [] as Spent[], restore: [] as Spent[] };
  for (let round = 0; round < rounds; round++) {
    const made = [`copy-${round}`, `least-${round}`, `gone-${round}`].map((name) => join(folder, name)) as Three;
    const [copy, least, gone] = made;
    const turns = [
      () => spent.copy.push(spend(["cp", "-r", "artifacts", copy], folder)),
      () => spent.least.push(leastRestore(folder, least)),
      () => {
        renameSync(join(folder, "artifacts"), gone);
        spent.restore.push(spend(pipeline.command, folder));
      },
    ];
    spent.noop.push(spend(ORDINARY, folder));
    for (let turn = 0; turn < turns.length; turn++) turns[(round + turn) % turns.length]!();
    if (!keeps) for (const name of made) rmSync(name, { recursive: true });
  }
  return {
    noop: middle(spent.noop),
    copy: middle(spent.copy),
    least: middle(spent.least),
    restore: middle(spent.restore),
  };
}

type Three = [string, string, string];

function large(base: string, outputs: number, bytes: number): Restores {
  const folder = mkdtempSync(join(base, "outputs-"));
  const command = `head -c ${bytes} /dev/urandom > \${outs.out}`;
  const stages = Array.from(
    { length: outputs },
    (_, i) => `  n${i}: { cmd: "${command}", outs: { out: n${i}.bin } }\n`,
  );
  write(folder, "pipeline.yaml", `version: 1\nstages:\n${stages.join("")}`);
  spend(pipeline.command, folder);
  const measured = restores(folder, 5, false);
  rmSync(folder, { recursive: true });
  return measured;
}

function middle(spent: readonly Spent[]): Spent {
  return { clock: median(spent.map(({ clock }) => clock)), processor: median(spent.map(({ processor }) => processor)) };
}

/** The run as a whole, and what it takes longer than one that has nothing to do. */
function told(what: string, { noop, copy, least, restore }: Restores): string {
  const by = (kind: keyof Spent): string => {
    const beyond = (restore[kind] - noop[kind]) / copy[kind];
    const whole = restore[kind] / copy[kind];
    const floor = (least[kind] / copy[kind]).toFixed(1);
    return `${restore[kind].toFixed(2)} s against ${copy[kind].toFixed(2)} s of \`cp -r\`, ${beyond.toFixed(1)}× beyond a run that has nothing to do (${whole.toFixed(1)}× as a whole; the least that Node can do: ${floor}×)`;
  };
  return `- ${what} restored and verified: by the clock ${by("clock")}; processor time ${by("processor")}.`;
}
