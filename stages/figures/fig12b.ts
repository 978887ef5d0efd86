/** Figures 12b and 12c: VGG10 on CIFAR10-5k with constant and with reduced η, or what a profile has in its place. */
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import { HEADLINE } from "./correlations.ts";
import { type Association, figure12Data, figure12Spec } from "./fig12.ts";
import type { Study } from "./image-tables.ts";
import type { GeneralizationTable } from "./model-tables.ts";
import { grouped, studyHeading, studyTitle, VGG10_5K } from "./studies.ts";

export type Regime = "constant" | "reduced";

const REGIMES = {
  constant: {
    figure: "12b",
    words: "constant η",
    paper: { eta: 0.9523, sharpness: -0.945, [HEADLINE]: -0.9499 },
  },
  reduced: {
    figure: "12c",
    words: "η reduced during training",
    paper: { eta: 0.7263, sharpness: -0.7763, [HEADLINE]: -0.82 },
  },
} as const;

export function imageRow(study: Study, regime: Regime): Association {
  const { words, paper } = REGIMES[regime];
  const name = `${grouped(study.data.test)} test images`;
  return {
    label: `VGG10 on CIFAR10-5k, ${words}`,
    paper,
    series: { paper: name, all: name },
    about: { paper: name, all: name },
  };
}

export function imageSpec(table: GeneralizationTable, study: Study, regime: Regime, from: number): FigureSpec {
  const { figure, words } = REGIMES[regime];
  return figure12Spec(table, imageRow(study, regime), from, {
    title: studyHeading(study, VGG10_5K, { ending: `, ${words}` }),
    description: `Figure ${figure}: validation accuracy of ${studyTitle(study, VGG10_5K)}, ${words}, against initial learning rate, final sharpness, and ρ, the similarity of the final top-3 eigenvectors to the lowest learning rate's; and rank correlations with 95 % confidence intervals for all readings of ρ, the paper's as diamonds. Colours: learning rates, from dark to light.`,
  });
}

export function imageData(
  table: GeneralizationTable,
  study: Study,
  regime: Regime,
  from: number,
): Record<string, Rows> {
  return figure12Data(table, imageRow(study, regime), from);
}
