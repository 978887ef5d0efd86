import { formatSeconds } from "../reporters/text.ts";
import { layoutDag, NODE_HEIGHT, type Point } from "./dag.ts";
import type { StageEntry } from "./data.ts";
import { anchor, type Html, html } from "./html.ts";

/** The stages as a drawing, a matrix stage as one node, with the time that its instances took together. */
export function dagSvg(stages: readonly StageEntry[]): Html {
  const titles = new Map(stages.map((stage) => [stage.stage, titleOf(stage)]));
  const layout = layoutDag(
    stages.map(({ stage, from }) => ({ name: stage, from, width: Math.max(92, 26 + 7.4 * titles.get(stage)!.length) })),
  );
  const seconds = new Map(stages.map((stage) => [stage.stage, secondsOf(stage)]));
  const longest = Math.max(...[...seconds.values()].map((value) => value ?? 0));
  const nodes = layout.nodes.map(({ name, x, y, width }) => {
    const stage = stages.find((candidate) => candidate.stage === name)!;
    const took = seconds.get(name);
    const bar = took === undefined || longest <= 0 ? 0 : Math.max(1, (width - 16) * (took / longest));
    const stale = stage.instances.some(({ state }) => state === "stale");
    const time = took === undefined ? "not run" : formatSeconds(took);
    return html`<a href="#${anchor("stage", name)}" aria-label="${titles.get(name)}, ${time}${stale && ", not up to date"}"><g class="node${stale && " stale"}" transform="translate(${x} ${y})"><rect class="box" width="${width}" height="${NODE_HEIGHT}" rx="6"/><text x="10" y="18">${titles.get(name)}</text><text class="time" x="10" y="33">${time}</text><rect class="bar" x="8" y="${NODE_HEIGHT - 6}" width="${bar.toFixed(1)}" height="2.5" rx="1.2"/></g></a>`;
  });
  const edges = layout.edges.map(({ points }) => html`<path class="edge" d="${curve(points)}"/>`);
  const { width, height } = layout;
  return html`<svg role="group" aria-label="The graph of stages: ${stages.length} stages, from the data to the figures" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${edges}${nodes}</svg>`;
}

export function titleOf({ stage, instances }: StageEntry): string {
  return instances.length === 1 ? stage : `${stage} ×${instances.length}`;
}

/** What the results that are here took to make, all instances together; `undefined` where none is here. */
export function secondsOf({ instances }: StageEntry): number | undefined {
  const times = instances.flatMap(({ record }) => record?.seconds ?? []);
  return times.length === 0 ? undefined : times.reduce((sum, seconds) => sum + seconds, 0);
}

/** Horizontal where it leaves and arrives: a cubic through each pair of points in turn. */
function curve(points: readonly Point[]): string {
  const [start, ...rest] = points;
  let [x, y] = start!;
  let path = `M${x} ${y}`;
  for (const [nextX, nextY] of rest) {
    const middle = (x + nextX) / 2;
    path += nextY === y ? `H${nextX}` : `C${middle} ${y} ${middle} ${nextY} ${nextX} ${nextY}`;
    [x, y] = [nextX, nextY];
  }
  return path;
}
