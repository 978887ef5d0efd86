/** Figure 13: what tells models of one learning rate apart, which differ by their initialisation alone. */
import { PALETTE } from "../../src/figures/colors.ts";
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import { fillSlots } from "../../src/figures/slots.ts";
import { rankCorrelation, shortOfPerfect } from "../../src/numerics/rank-correlation.ts";
import { HEADLINE, measureOf } from "./correlations.ts";
import { distinct } from "./fig04.ts";
import { completed, stabilityThreshold, thresholdDoubt } from "./fig05.ts";
import { NOT_RUN } from "./fig07.ts";
import { worded } from "./fig12.ts";
import spec from "./fig13.vl.json" with { type: "json" };
import type { Study } from "./image-tables.ts";
import type { EventualSharpness, GeneralizationTable } from "./model-tables.ts";
import { mean } from "./statistics.ts";
import { studyHeading, studyTitle, VGG10_5K } from "./studies.ts";
import { logTicks } from "./ticks.ts";

export interface Figure13Tables {
  /** Several initialisations of each learning rate. */
  readonly generalization: GeneralizationTable;
  readonly stable: readonly EventualSharpness[];
  /** From here on learning rates are extremely large, as the paper has it by eye. */
  readonly extreme: number;
}

export type Phase = "stable" | "above" | "extreme";
export type Predictor = "rho" | "sharpness";

export const PHASES: readonly Phase[] = ["stable", "above", "extreme"];
export const PREDICTORS: readonly Predictor[] = ["rho", "sharpness"];

export const PHASE_NAMES: Readonly<Record<Phase, string>> = {
  stable: "stable",
  above: "above the edge of stability",
  extreme: "extremely large",
};

/** The paper's means; it has none of stable learning rates. */
export const PAPER: Readonly<Record<Phase, Readonly<Record<Predictor, number>> | undefined>> = {
  stable: undefined,
  above: { rho: -0.4, sharpness: 0.56 },
  extreme: { rho: -0.03, sharpness: -0.27 },
};

const MEASURES: Readonly<Record<Predictor, string>> = { rho: HEADLINE, sharpness: "sharpness" };

/** Spearman's correlation of one predictor with accuracy; null ends of fewer than four models. */
export interface Association {
  readonly predictor: Predictor;
  readonly phase: Phase;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly count: number;
}

export interface ByEta extends Association {
  readonly eta: number;
}

export function phaseOf(eta: number, { stable, extreme }: Figure13Tables): Phase {
  if (eta >= extreme) return "extreme";
  return eta > stabilityThreshold(stable) ? "above" : "stable";
}

/** Over the seeds of each learning rate that completed their training: of three or more, where it is defined. */
export function correlationsByEta(tables: Figure13Tables): ByEta[] {
  const models = tables.generalization.models.filter(completed);
  return PREDICTORS.flatMap((predictor) =>
    distinct(models.map(({ eta }) => eta)).flatMap((eta) => {
      const pairs = models.flatMap((model) => {
        const [value, accuracy] = [measureOf(MEASURES[predictor], model), model.validationAccuracy];
        return model.eta !== eta || value === null || accuracy === null ? [] : [[value, accuracy] as const];
      });
      const found = rankCorrelation(
        pairs.map(([value]) => value),
        pairs.map(([, accuracy]) => accuracy),
      );
      if (found.count < 3 || Number.isNaN(found.value)) return [];
      const [low, high] = [orNull(found.low), orNull(found.high)];
      return [{ eta, predictor, phase: phaseOf(eta, tables), value: found.value, low, high, count: found.count }];
    }),
  );
}

/**
 * The mean over a phase's learning rates with the interval of its sampling error: by the delta method from Bonett and
 * Wright's variance of each atanh r, (1 + r²/2)/(n − 3). Of a single one its own interval. `count`: learning rates.
 */
export function phaseMeans(correlations: readonly ByEta[]): Association[] {
  return PHASES.flatMap((phase) =>
    PREDICTORS.flatMap((predictor) => {
      const own = correlations.filter((of) => of.phase === phase && of.predictor === predictor);
      if (own.length === 0) return [];
      const value = mean(own.map((of) => of.value));
      const spread = (Z * Math.sqrt(own.reduce((sum, of) => sum + varianceOf(of), 0))) / own.length;
      const isKnown = Number.isFinite(spread);
      const wide = {
        low: isKnown ? Math.max(-1, value - spread) : null,
        high: isKnown ? Math.min(1, value + spread) : null,
      };
      const { low, high } = own.length === 1 ? own[0]! : wide;
      return [{ phase, predictor, value, low, high, count: own.length }];
    }),
  );
}

/** The normal distribution's 97.5 % point. */
const Z = 1.959963984540054;

/** Infinite of three models or fewer. */
function varianceOf({ value, count }: Association): number {
  if (count <= 3) return Number.POSITIVE_INFINITY;
  const r = Math.min(Math.abs(value), shortOfPerfect(count));
  return ((1 - r * r) ** 2 * (1 + (r * r) / 2)) / (count - 3);
}

const orNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** The figure's named data; for each predictor a set of its own, since each has a panel. */
export function figure13Data(tables: Figure13Tables): Record<string, Rows> {
  const correlations = correlationsByEta(tables);
  const means = phaseMeans(correlations);
  const edges = [stabilityThreshold(tables.stable), tables.extreme];
  const points = (predictor: Predictor): Rows =>
    correlations
      .filter((of) => of.predictor === predictor)
      .map(({ eta, phase, value, low, high, count }) => {
        // Without an interval the rule is as short as a point.
        return { eta, phase: PHASE_NAMES[phase], value, low: low ?? value, high: high ?? value, count };
      });
  const lines = (predictor: Predictor): Rows =>
    means
      .filter((of) => of.predictor === predictor)
      .map(({ phase, value }) => {
        const etas = correlations
          .filter((of) => of.phase === phase && of.predictor === predictor)
          .map(({ eta }) => eta);
        const [low, high] = [Math.min(...etas), Math.max(...etas)];
        return {
          phase: PHASE_NAMES[phase],
          value,
          // Of one learning rate, too, a line that can be seen; it ends where its phase does.
          from: Math.max(low / 1.15, ...edges.filter((edge) => edge < low)),
          to: Math.min(high * 1.15, ...edges.filter((edge) => edge > high)),
        };
      });
  const largest = Math.max(...correlations.map(({ eta }) => eta));
  const smallest = Math.min(...correlations.map(({ eta }) => eta));
  const ran = new Set(tables.generalization.models.map(({ eta }) => phaseOf(eta, tables)));
  // Of too few models, or of none that differ: at the lowest η, ρ has nothing to be compared with.
  const absence = (phase: Phase): string => (ran.has(phase) ? "not defined" : NOT_RUN);
  return {
    rhoPoints: points("rho"),
    rhoMeans: lines("rho"),
    sharpnessPoints: points("sharpness"),
    sharpnessMeans: lines("sharpness"),
    // Where a phase ends, as far as learning rates lie on both sides.
    edges: edges
      .map((eta) => ({ eta, hidden: eta < smallest || eta > largest }))
      .map((edge) => ({
        ...edge,
        eta: edge.hidden ? smallest : edge.eta,
      })),
    means: PHASES.flatMap((phase) =>
      PREDICTORS.map((predictor) => {
        const found = means.find((of) => of.phase === phase && of.predictor === predictor);
        const paper = PAPER[phase]?.[predictor];
        return {
          phase: PHASE_NAMES[phase],
          predictor: predictor === "rho" ? "ρ" : "S(θ)",
          ours: found === undefined ? absence(phase) : worded(found),
          paper: paper === undefined ? "–" : worded({ value: paper, low: null, high: null }),
          state: found === undefined ? "not-run" : "run",
        };
      }),
    ),
  };
}

export function figure13Spec(tables: Figure13Tables, study: Study): FigureSpec {
  const correlations = correlationsByEta(tables);
  const etas = correlations.map(({ eta }) => eta);
  const present = PHASES.filter((phase) => correlations.some((of) => of.phase === phase));
  const doubt = thresholdDoubt(tables.stable);
  const note = "Bars: 95 % confidence intervals. Dashed: mean of a phase. Dotted: where a phase ends.";
  const colors = { stable: PALETTE.blue, above: PALETTE.green, extreme: PALETTE.vermillion } as const;
  return fillSlots(spec, {
    title: studyHeading(study, VGG10_5K, { notes: doubt === undefined ? [note] : [note, doubt] }),
    description: `Figure 13: rank correlation of validation accuracy with ρ and with sharpness among models of ${studyTitle(study, VGG10_5K)} that share a learning rate and differ by their initialisation, over learning rates; bars: 95 % confidence intervals; dashed: means of the phases; dotted: where a phase ends. Table: those means, the paper's in grey.`,
    etaTicks: logTicks(etas),
    phases: present.map((phase) => PHASE_NAMES[phase]),
    colors: present.map((phase) => colors[phase]),
    rows: PHASES.map((phase) => PHASE_NAMES[phase]),
  });
}
