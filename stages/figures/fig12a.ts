/** Figure 12a: MLPs on Fashion-MNIST, constant η. */
import type { FigureSpec } from "../../src/figures/compile.ts";
import { HEADLINE } from "./correlations.ts";
import { type Association, figure12Spec } from "./fig12.ts";
import type { GeneralizationTable } from "./model-tables.ts";
import { heading } from "./studies.ts";

export const MLP_ROW: Association = {
  label: "MLP on fMNIST, constant η",
  paper: { eta: 0.595, sharpness: -0.593, [HEADLINE]: -0.61 },
  series: { paper: "200 test samples", all: "whole test set" },
  about: { paper: "the paper's 200 test samples", all: "the whole test set" },
};

export function figure12aSpec(table: GeneralizationTable, from: number): FigureSpec {
  return figure12Spec(table, MLP_ROW, from, {
    title: heading("MLP on Fashion-MNIST, constant η"),
    description:
      "Figure 12a: validation accuracy of MLPs on Fashion-MNIST against learning rate, final sharpness, and ρ, the similarity of the final top-3 eigenvectors to the lowest learning rate's; and rank correlations with 95 % confidence intervals for all readings of ρ, the paper's as diamonds. Colours: learning rates, from dark to light.",
  });
}
