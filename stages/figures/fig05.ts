/** Figures 5a and 5b: what is drawn of the validation accuracy over the learning rates. */
import type { Rows } from "../../src/figures/compile.ts";
import { accuracyOf } from "./correlations.ts";
import { distinct } from "./fig04.ts";
import type { Correlation, EventualSharpness, GeneralizationRow, GeneralizationTable } from "./model-tables.ts";
import { mean } from "./statistics.ts";

export interface Figure5Tables {
  readonly generalization: GeneralizationTable;
  readonly stable: readonly EventualSharpness[];
}

export type Samples = Correlation["samples"];

/** The learning rate at which stable training ends: 2/S_max, in the mean over seeds. */
export function stabilityThreshold(stable: readonly EventualSharpness[]): number {
  return 2 / mean(stable.map(({ maximum }) => maximum?.sharpness ?? Number.NaN));
}

/**
 * Why that may be too large, in a sentence; undefined where nothing says so. A run that ended early might have become
 * sharper, and one at the edge of its own η has S near 2/η whatever the network could reach.
 */
export function thresholdDoubt(stable: readonly EventualSharpness[]): string | undefined {
  const early = stable.filter(({ ending }) => ending.reason !== "complete").length;
  const atEdge = stable.filter(({ after, maximum }) => maximum !== null && 2 / maximum.sharpness < EDGE * after).length;
  const reasons = [
    ...(early === 0 ? [] : [`${early} did not complete ${early === 1 ? "its" : "their"} training`]),
    ...(atEdge === 0 ? [] : [`${atEdge} had S above 2/(${EDGE} η)`]),
  ];
  if (reasons.length === 0) return undefined;
  return `The stability threshold may lie lower: of ${stable.length} stable runs ${reasons.join(" and ")}.`;
}

/** 2/S_max of a run that is to be stable exceeds its η by this factor. */
const EDGE = 1.1;

export const completed = ({ ending }: GeneralizationRow): boolean => ending.reason === "complete";

/** Whether there are accuracies on these samples. */
export function has(samples: Samples, { models }: GeneralizationTable): boolean {
  return models.some((model) => accuracyOf(samples, model) !== null);
}

export interface MeanAccuracy {
  readonly eta: number;
  readonly accuracy: number;
  /** Models behind the mean, and how many were trained. */
  readonly count: number;
  readonly trained: number;
}

/** By learning rate, over the seeds that completed their training. */
export function meanAccuracies(samples: Samples, { models }: GeneralizationTable): MeanAccuracy[] {
  return distinct(models.map(({ eta }) => eta)).flatMap((eta) => {
    const own = models.filter((model) => model.eta === eta);
    const values = own.filter(completed).flatMap((model) => accuracyOf(samples, model) ?? []);
    return values.length === 0 ? [] : [{ eta, accuracy: mean(values), count: values.length, trained: own.length }];
  });
}

/** A panel shows the accuracies on one set of test samples. */
export interface Panel {
  readonly samples: Samples;
  readonly title: string;
}

export interface Figure5Options {
  readonly panels: readonly Panel[];
  /** From here on learning rates are extremely large, as the paper has it by eye. */
  readonly extreme?: number;
}

/** What the key's marks leave open, in a line under the title. */
export function marksNote({ generalization: { models } }: Figure5Tables): string {
  const others = models.filter((model) => !completed(model)).map(({ ending }) => ending.reason);
  if (others.length === 0) return "Line: mean over initialisations.";
  const diverged = others.filter((reason) => reason === "diverged").length;
  const which =
    diverged === others.length ? "diverged" : diverged === 0 ? "did not complete" : "diverged or did not complete";
  return `Line: mean of the runs that completed. Ticks at the bottom: runs that ${which}.`;
}

/** Which marks occur: the key has no others. */
export function sidesOf({ generalization, stable }: Figure5Tables): string[] {
  const threshold = stabilityThreshold(stable);
  const sides = generalization.models.filter(completed).map(({ eta }) => sideOf(eta, threshold));
  return SIDES.filter((side) => sides.includes(side));
}

const SIDES = ["below 2/S_max", "above 2/S_max"] as const;

const sideOf = (eta: number, threshold: number): (typeof SIDES)[number] => SIDES[eta > threshold ? 1 : 0];

/** A label at a line in the last fifth of the axis, which is logarithmic, would reach past its end. */
function sideOfLabel(eta: number, { models }: GeneralizationTable): "left" | "right" {
  const logs = models.map((model) => Math.log(model.eta));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  return Math.log(eta) > high - (high - low) / 5 ? "right" : "left";
}

/** The figure's named data: one table, since one facet takes one. */
export function figure5Data(
  { generalization, stable }: Figure5Tables,
  { panels, extreme }: Figure5Options,
): Record<string, Rows> {
  const threshold = stabilityThreshold(stable);
  const shown = panels.filter(({ samples }) => has(samples, generalization));
  const rows = shown.flatMap(({ samples, title }, i) => {
    const panel = shown.length > 1 ? `${"ab"[i]}\u00a0\u00a0${title}` : title;
    const models = generalization.models.map((model) => {
      const { eta, seed, ending } = model;
      const accuracy = completed(model) ? accuracyOf(samples, model) : null;
      const side = sideOf(eta, threshold);
      return accuracy === null
        ? { panel, kind: "incomplete", eta, seed, ending: ending.reason }
        : { panel, kind: "model", eta, seed, side, accuracy, log: Math.log10(eta) };
    });
    const means = meanAccuracies(samples, generalization).map(({ eta, accuracy }) => ({
      panel,
      kind: "mean",
      eta,
      accuracy,
    }));
    return [
      { panel, kind: "threshold", eta: threshold, label: "2/Sₘₐₓ", align: "left" },
      // A line beyond the largest learning rate would only stretch the axis.
      ...(extreme !== undefined && models.some(({ eta }) => eta >= extreme)
        ? [
            {
              panel,
              kind: "extreme",
              eta: extreme,
              label: "extremely large →",
              align: sideOfLabel(extreme, generalization),
            },
          ]
        : []),
      ...models,
      ...means,
    ];
  });
  return { accuracies: rows };
}
