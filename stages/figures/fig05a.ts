/** Figure 5a: what is drawn of the validation accuracy over the learning rates. */
import type { Rows } from "../../src/figures/compile.ts";
import { accuracyOf } from "./correlations.ts";
import { distinct } from "./fig04.ts";
import type { Correlation, EventualSharpness, GeneralizationRow, GeneralizationTable } from "./model-tables.ts";
import { mean } from "./statistics.ts";

export interface Figure5Tables {
  readonly generalization: GeneralizationTable;
  readonly stable: readonly EventualSharpness[];
}

type Samples = Correlation["samples"];

/** The learning rate at which stable training ends: 2/S_max, in the mean over seeds. */
export function stabilityThreshold(stable: readonly EventualSharpness[]): number {
  return 2 / mean(stable.map(({ maximum }) => maximum?.sharpness ?? Number.NaN));
}

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

const PANELS: readonly { readonly samples: Samples; readonly title: string }[] = [
  { samples: "paper", title: "The paper’s 200 test samples" },
  { samples: "all", title: "The whole test set" },
];

/** The figure's named data: one table, since one facet takes one. */
export function figure5aData({ generalization, stable }: Figure5Tables): Record<string, Rows> {
  const threshold = stabilityThreshold(stable);
  const rows = PANELS.filter(({ samples }) => has(samples, generalization)).flatMap(({ samples, title }, i) => {
    const panel = `${"ab"[i]}\u00a0\u00a0${title}`;
    const models = generalization.models.map((model) => {
      const { eta, seed, ending } = model;
      const accuracy = completed(model) ? accuracyOf(samples, model) : null;
      const side = eta > threshold ? "above 2/S_max" : "below 2/S_max";
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
    return [{ panel, kind: "threshold", eta: threshold }, ...models, ...means];
  });
  return { accuracies: rows };
}
