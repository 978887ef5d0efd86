import type { Reason } from "../engine/plan/event.ts";
import type { Plan } from "../engine/plan/plan.ts";
import type { Engine } from "../engine/survey/engine.ts";
import { decodePng } from "../formats/png-pixels.ts";
import type { Bring } from "./bring.ts";
import { bytesOf, type Snapshot, type SnapshotOut } from "./snapshot.ts";
import { byFigure } from "./values.ts";

/** One figure, whatever its formats, before and after. */
export interface FigureReview {
  /** Its path below the artifacts' folder, without the ending: `figures/fig01`. */
  readonly name: string;
  readonly change: "changed" | "new" | "gone" | "not-made";
  readonly instance: string;
  readonly causes: readonly Reason[];
  readonly before: Picture | undefined;
  readonly after: Picture | undefined;
  /** How the two pictures compare, where both can be looked at. */
  readonly look: Look | undefined;
}

export type Picture =
  | { readonly path: string; readonly digest: string; readonly bytes: Buffer }
  /** It cannot be shown, and why. */
  | { readonly missing: string };

/**
 * `same` although the figure's bytes are not: a title that nobody sees, another format. Or the fraction of pixels that differ;
 * `resized` where there are more or fewer of them.
 */
export type Look = "same" | "resized" | { readonly fraction: number };

/** What comments show, the surest first. */
const SHOWN = [".png", ".webp", ".jpg", ".jpeg", ".gif", ".svg"];
const FIGURE = /\.(png|webp|jpe?g|gif|svg)$/i;

export interface FigureOptions {
  readonly plan: Plan;
  readonly engine: Engine;
  readonly bring: Bring;
  /** All that the revision recorded; `before` leaves out what is not up to date here. */
  readonly recorded: Snapshot;
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly causes: (instance: string) => readonly Reason[];
  readonly pictures: boolean;
}

export interface FigureReviews {
  readonly changed: readonly FigureReview[];
  readonly same: number;
  /** All outs of figures, companions in other formats included. */
  readonly paths: ReadonlySet<string>;
}

/** Figures by their paths without endings; `fig01.svg` and `fig01.png` are one. */
export async function reviewFigures(options: FigureOptions): Promise<FigureReviews> {
  const { plan, recorded, before, after, causes, pictures } = options;
  const all = [...new Set([...recorded.keys(), ...after.keys()])];
  const stems = new Map<string, string[]>();
  for (const path of all) if (FIGURE.test(path)) stems.set(stemOf(path), []);
  for (const path of all) stems.get(stemOf(path))?.push(path);
  const reviews = await Promise.all(
    [...stems]
      .sort(([a], [b]) => byFigure(baseOf(a), baseOf(b)))
      .map(async ([stem, paths]): Promise<FigureReview | undefined> => {
        const images = paths.filter((path) => FIGURE.test(path)).sort(bySurest);
        const was = images.filter((path) => recorded.has(path));
        const is = images.filter((path) => after.has(path));
        const lost = was.some((path) => !before.has(path));
        const same = images.every((path) => before.get(path)?.content === after.get(path)?.content);
        if (same && !lost) return undefined;
        const change =
          was.length === 0 ? "new" : lost && is.length === 0 ? "not-made" : is.length === 0 ? "gone" : "changed";
        const shown = was.find((path) => is.includes(path));
        const [old, now] = [recorded.get(shown ?? was[0] ?? ""), after.get(shown ?? is[0] ?? "")];
        const { instance } = (now ?? old)!;
        const sides = [old, now].map((out) => (pictures && out !== undefined ? pictureOf(options, out) : undefined));
        const [from, to] = await Promise.all(sides);
        return {
          name: nameOf(stem, plan.artifacts ?? "artifacts"),
          change,
          instance,
          causes: causes(instance),
          before: from,
          after: to,
          look: old !== undefined && old.content === now?.content ? "same" : lookOf(from, to),
        };
      }),
  );
  const changed = reviews.filter((review) => review !== undefined);
  return { changed, same: reviews.length - changed.length, paths: new Set([...stems.values()].flat()) };
}

async function pictureOf({ engine, bring }: FigureOptions, out: SnapshotOut): Promise<Picture> {
  const missing = await bring(out);
  if (missing !== undefined) return { missing };
  const bytes = bytesOf(engine, out);
  return bytes === undefined ? { missing: "in no cache" } : { path: out.path, digest: out.content, bytes };
}

function lookOf(before: Picture | undefined, after: Picture | undefined): Look | undefined {
  if (before === undefined || after === undefined || "missing" in before || "missing" in after) return undefined;
  const [was, is] = [decodePng(before.bytes), decodePng(after.bytes)];
  if (was === undefined || is === undefined) return undefined;
  const { width, height, channels } = was;
  if (is.width !== width || is.height !== height) return "resized";
  if (is.channels !== channels) return undefined;
  let differing = 0;
  for (let at = 0; at < was.data.length; at += channels) {
    for (let i = at; i < at + channels; i++) {
      if (was.data[i] === is.data[i]) continue;
      differing++;
      break;
    }
  }
  return differing === 0 ? "same" : { fraction: differing / (width * height) };
}

/** Before the first dot of the file's name: `fig01.vl.json` belongs to `fig01`. */
function stemOf(path: string): string {
  const start = path.lastIndexOf("/") + 1;
  return FIGURE.test(path)
    ? path.replace(FIGURE, "")
    : `${path.slice(0, start)}${path.slice(start).replace(/\..*$/, "")}`;
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function nameOf(stem: string, artifacts: string): string {
  return stem.startsWith(`${artifacts}/`) ? stem.slice(artifacts.length + 1) : stem;
}

function bySurest(a: string, b: string): number {
  const rank = (path: string): number => SHOWN.indexOf(path.slice(path.lastIndexOf(".")).toLowerCase());
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}
