/**
 * The convolutional studies' tables as Figures 5b, 6, 7, 12b, 12c and 13 read them; `schemas/` has them in full. A model with
 * constant η has the MLP's tables (`model-tables.ts`): `GeneralizationTable` for Figures 5b, 12b and 13,
 * `EventualSharpness` for the stability threshold. Accuracies are on the whole test split, `validationAccuracyAll` is null.
 */
import type { QuadratureRow } from "./curvature-tables.ts";
import type { Correlation, Ending, GeneralizationRow } from "./model-tables.ts";

/** Where a run's learning rate was reduced. */
export interface Reduction {
  /** η from the switch on. */
  readonly to: number;
  /** The epoch of the switch; null where the run ended before it. */
  readonly at: number | null;
  /** Of the training set, at the switch; null where the run ended before it. */
  readonly trainAccuracy: number | null;
}

/** At a wanted fraction of the epochs that the same seed takes to completion with η₀ throughout. */
export interface FractionReduction extends Reduction {
  readonly fraction: number;
  /** Those epochs: `at`/`of` is the fraction that was had. */
  readonly of: number;
}

/** A model whose learning rate was reduced; `eta` is η₀. ρ's `lowest` refers to the same seed's lowest constant η. */
export interface ReducedRow extends GeneralizationRow {
  readonly reduction: FractionReduction;
}

/** Figures 6 and 12c: correlations are over these models alone, their `eta` is η₀. */
export interface ReducedTable {
  readonly k: number;
  readonly models: readonly ReducedRow[];
  readonly correlations: readonly Correlation[];
}

/** Which network was trained on which data: titles and claims say so. */
export interface Study {
  /** As people write it: VGG10, ResNet20, or a miniature with its widths. */
  readonly network: string;
  readonly data: {
    /** As in the data set's metadata: `cifar-10`, `fashion-mnist`. */
    readonly name: string;
    /** Training images, before augmentation. */
    readonly train: number;
    readonly test: number;
    /** Augmentations of each training image; 1: none. */
    readonly copies: number;
  };
}

/** Figure 7's rows: network, data, and where η is reduced. */
export type BigRow =
  | "vgg19-50k"
  | "vgg19-500k"
  | "resnet20-500k"
  | "resnet20-500k-reduced-at-0.9"
  | "resnet20-500k-reduced-at-0.98";

/** One model of Figure 7. */
export interface BigModelTable {
  readonly row: BigRow;
  readonly study: Study;
  readonly eta: number;
  readonly seed: number;
  readonly ending: Ending;
  readonly loss: number | null;
  readonly trainAccuracy: number;
  /** On the whole test split; null where the run diverged. */
  readonly validationAccuracy: number | null;
  /** At a training accuracy; null where η is constant. */
  readonly reduction: (Reduction & { readonly atAccuracy: number }) | null;
}

/** The Hessian of a model's ghost loss at the end of its training; `found` is null where that was not completed. */
export interface ImageCurvatureTable {
  readonly eta: number;
  readonly seed: number;
  readonly ending: Ending;
  /** 2/η */
  readonly threshold: number;
  /** Order of the Hessian, P. */
  readonly parameters: number;
  readonly steps: number;
  readonly found: {
    /** One for each random start vector. */
    readonly quadratures: readonly QuadratureRow[];
    /** By Hutch++, with standard errors, here and below. */
    readonly trace: EstimateRow & { readonly rank: number; readonly matvecs: number };
    /** ‖H‖²_F */
    readonly squaredNorm: EstimateRow;
    /** λ₁ of each layer's diagonal block, in the network's order. */
    readonly layers: readonly { readonly name: string; readonly parameters: number; readonly sharpness: number }[];
  } | null;
}

export interface EstimateRow {
  readonly value: number;
  readonly error: number;
}
