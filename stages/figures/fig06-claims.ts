/** Figures 6a and 6b: large learning rates kept for longer leave models flatter, and most of them generalize better. */
import { type Claim, type PaperTable, ruleClaim } from "../../src/figures/claims.ts";
import { distinct } from "./fig04.ts";
import {
  type Figure6Tables,
  keptAt,
  type Outcome,
  type Quantity,
  type Switched,
  smallOf,
  switchedOf,
} from "./fig06.ts";
import type { Study } from "./image-tables.ts";
import { shown } from "./shown.ts";
import { mean, median, spearman } from "./statistics.ts";
import { studyTitle, testedOn, VGG10_5K } from "./studies.ts";

const SECTION = "paper, section 4.2 and Figure 6";
const FEW = "this profile has less than two switches";
/** A switch for "the final 20 %" of training, with room for the grid of switches. */
const LATE = 0.7;

/** The switches of one η₀, by time. */
interface Curve {
  readonly eta: number;
  readonly points: readonly Switched[];
}

export function figure6Claims(tables: Figure6Tables, study: Study, quantity: Quantity, extreme: number): Claim[] {
  const all = curvesOf(tables);
  const claims = quantity === "sharpness" ? sharpnessClaims(tables, all) : accuracyClaims(tables, all, extreme);
  return claims.map((claim) => testedOn(study, VGG10_5K, "shape", claim));
}

function curvesOf(tables: Figure6Tables): Curve[] {
  const switched = switchedOf(tables);
  return distinct(switched.map(({ eta }) => eta)).map((eta) => ({
    eta,
    points: switched.filter((of) => of.eta === eta).toSorted((a, b) => a.share - b.share),
  }));
}

function sharpnessClaims(tables: Figure6Tables, all: readonly Curve[]): Claim[] {
  const curves = all.filter(({ points }) => points.length >= 2);
  const trends = curves.map(({ points }) => trendOf(points, "share", "sharpness"));
  const small = smallOf(tables);
  const level = small === undefined ? undefined : keptAt(small, tables)?.sharpness;
  const sharpest = Math.max(...all.flatMap(({ points }) => points.map(({ sharpness }) => sharpness)));
  const isCompared = level !== undefined && all.length > 0;
  const fractions = distinct(all.flatMap(({ points }) => points.map(({ fraction }) => fraction)));
  const across = fractions.flatMap((fraction) => {
    const points = all.flatMap((curve) => curve.points.filter((of) => of.fraction === fraction));
    return points.length < 3 ? [] : [{ fraction, trend: trendOf(points, "eta", "sharpness") }];
  });
  return [
    ruleClaim({
      id: "falls-with-time",
      statement: "The longer a large η₀ is kept, the lower is S at completion.",
      source: SECTION,
      paper: "the at-completion sharpness is reduced as η₀ is applied for longer",
      ours: curves.length === 0 ? undefined : curves.map((curve) => ends(curve, "sharpness")).join("; "),
      rule: "for every η₀, S of the last switch is below that of the first, and the median over η₀ of S's rank correlation with time is −0.7 or less",
      holds: curves.every((curve) => change(curve, "sharpness") < 0) && median(trends) <= -0.7,
      ...(curves.length === 0 ? { note: FEW } : {}),
    }),
    ruleClaim({
      id: "flatter-than-small",
      statement: "Every phase with a large η₀ leaves a model flatter than the small learning rate alone.",
      source: SECTION,
      paper: "indicative of progressive flattening",
      ours: !isCompared ? undefined : `S at most ${shown(sharpest)}, against ${shown(level)} with η = ${small}`,
      rule: "every mean S is below that of η_small from the beginning",
      holds: isCompared && sharpest < level,
      ...(isCompared
        ? {}
        : {
            note:
              level === undefined ? "this profile completes no model with η_small alone" : "no switch was completed",
          }),
    }),
    ruleClaim({
      id: "falls-with-eta",
      statement: "Switched at the same point, models with the larger η₀ are flatter.",
      source: SECTION,
      paper: "training with larger learning rates leads to more progressive flattening",
      ours:
        across.length === 0
          ? undefined
          : across.map(({ fraction, trend }) => `Spearman ${trend.toPrecision(2)} at ${100 * fraction} %`).join("; "),
      rule: "S falls with η₀ (negative rank correlation) at more than half of the switches",
      holds: isMost(across, ({ trend }) => trend < 0),
      ...(across.length === 0 ? { note: "this profile has less than three η₀ at each switch" } : {}),
    }),
  ];
}

function accuracyClaims(tables: Figure6Tables, all: readonly Curve[], extreme: number): Claim[] {
  const curves = all.filter(({ points }) => points.length >= 2);
  const gains = all.filter(({ points }) => points.length >= 3).map(gainsOf);
  const [early, late] = [mean(gains.map((of) => of.early)), mean(gains.map((of) => of.late))];
  const flatness = curves.map((curve) => ({ ...curve, trend: trendOf(curve.points, "sharpness", "accuracy") }));
  const reductions = all
    .filter(({ eta }) => eta >= extreme)
    .flatMap(({ eta, points }) => {
      const kept = keptAt(eta, tables)?.accuracy;
      const candidates = points.filter(({ share }) => share >= LATE);
      if (kept === undefined || candidates.length === 0) return [];
      return [{ eta, kept, best: candidates.reduce((a, b) => (b.accuracy > a.accuracy ? b : a)) }];
    });
  return [
    ruleClaim({
      id: "rises-with-time",
      statement: "For most η₀, models generalize better the longer η₀ is kept.",
      source: SECTION,
      paper: "for the majority of models",
      ours: curves.length === 0 ? undefined : curves.map((curve) => ends(curve, "accuracy")).join("; "),
      rule: "for more than half of the η₀, the accuracy of the last switch is above that of the first",
      holds: isMost(curves, (curve) => change(curve, "accuracy") > 0),
      ...(curves.length === 0 ? { note: FEW } : {}),
    }),
    ruleClaim({
      id: "flatter-generalizes",
      statement: "For most η₀, being flatter goes with better generalization.",
      source: SECTION,
      paper: "for the majority of models, being flatter improves generalization performance",
      ours:
        flatness.length === 0
          ? undefined
          : flatness.map(({ eta, trend }) => `η₀ = ${eta}: Spearman ${trend.toPrecision(2)}`).join("; "),
      rule: "for more than half of the η₀, S and accuracy have a negative rank correlation over the switches",
      holds: isMost(flatness, ({ trend }) => trend < 0),
      ...(flatness.length === 0 ? { note: FEW } : {}),
    }),
    ruleClaim({
      id: "diminishing-returns",
      statement: "The gain from keeping η₀ longer diminishes, and remains positive for most η₀.",
      source: SECTION,
      paper: "the marginal efficiency diminishes, but remains positive for most models",
      ours: gains.length === 0 ? undefined : `${perTenth(early)} early, ${perTenth(late)} late, in the mean over η₀`,
      rule: "the mean gain for each share of training is larger over the earlier half of the switches than over the later one, where it is positive for more than half of the η₀",
      holds: early > late && isMost(gains, (of) => of.late > 0),
      ...(gains.length === 0 ? { note: "this profile has less than three switches" } : {}),
    }),
    ruleClaim({
      id: "late-switch-of-extreme",
      statement: "With an extremely large η₀, a switch late in training may improve generalization.",
      source: SECTION,
      paper: "switching for the final 20 % (from about 90 % training accuracy) may improve generalization",
      ours:
        reductions.length === 0
          ? undefined
          : reductions
              .map(
                ({ eta, kept, best }) =>
                  `η₀ = ${eta}: ${shown(kept)} kept, ${shown(best.accuracy)} switched at ${Math.round(100 * best.share)} % (training accuracy ${shown(best.trainAccuracy)})`,
              )
              .join("; "),
      rule: `for some η₀ ≥ ${extreme}, a switch after ${100 * LATE} % of training ends with a higher mean accuracy than no switch`,
      holds: reductions.some(({ kept, best }) => best.accuracy > kept),
      ...(reductions.length === 0 ? { note: "this profile has no extremely large η₀ with a late switch" } : {}),
    }),
  ];
}

/** Accuracy gained per share of training, up to the middle switch and from there on. */
function gainsOf({ points }: Curve): { readonly early: number; readonly late: number } {
  const [first, middle, last] = [points[0]!, points[Math.floor(points.length / 2)]!, points.at(-1)!];
  const slope = (a: Switched, b: Switched): number => (b.accuracy - a.accuracy) / (b.share - a.share);
  return { early: slope(first, middle), late: slope(middle, last) };
}

function trendOf(points: readonly Switched[], x: "share" | "eta" | "sharpness", y: Quantity): number {
  return spearman(
    points.map((of) => of[x]),
    points.map((of) => of[y]),
  );
}

const change = ({ points }: Curve, of: Quantity): number => points.at(-1)![of] - points[0]![of];

const ends = ({ eta, points }: Curve, of: Quantity): string =>
  `η₀ = ${eta}: ${shown(points[0]![of])} → ${shown(points.at(-1)![of])}`;

/** False of none. */
function isMost<T>(of: readonly T[], holds: (item: T) => boolean): boolean {
  return 2 * of.filter(holds).length > of.length;
}

const perTenth = (slope: number): string =>
  `${slope < 0 ? "−" : "+"}${Math.abs(10 * slope).toFixed(2)} points per tenth`;

/** What was drawn, by η₀ and switch: the paper has a plot without numbers. */
export function figure6Tables(tables: Figure6Tables, study: Study, quantity: Quantity): PaperTable[] {
  const all = curvesOf(tables);
  const fractions = distinct(all.flatMap(({ points }) => points.map(({ fraction }) => fraction)));
  const outcomes = all.flatMap(({ eta, points }): readonly Outcome[] => {
    const kept = keptAt(eta, tables);
    return kept === undefined ? points : [...points, kept];
  });
  const single = outcomes.filter(({ seeds }) => seeds.length === 1).length;
  return [
    {
      id: "by-switch",
      title: quantity === "sharpness" ? "S at completion" : "Validation accuracy at completion",
      source: SECTION,
      columns: [...fractions.map((fraction) => `${100 * fraction} %`), "kept"],
      rows: all.map(({ eta, points }) => {
        const found = fractions.map((fraction) => points.find((of) => of.fraction === fraction)?.[quantity]);
        const ours = [...found, keptAt(eta, tables)?.[quantity]];
        return {
          label: `η₀ = ${eta}`,
          paper: ours.map(() => null),
          ours: ours.map((value) => (value === undefined ? null : Number(shown(value)))),
        };
      }),
      note: `Ours: ${studyTitle(study, VGG10_5K)}. Columns: the share of the epochs of the run with η₀ alone after which η was reduced to ${smallOf(tables)}. Means over initialisations${single === 0 ? "." : `; ${single} of ${outcomes.length} values are of one model only.`} The paper has a plot and gives no numbers.`,
    },
  ];
}
