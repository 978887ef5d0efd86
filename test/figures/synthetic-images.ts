/** Tables of the shape of the convolutional studies' artifacts, made up so that everything that is claimed holds. */
import { correlationsOf } from "../../stages/figures/correlations.ts";
import type { Figure5Tables } from "../../stages/figures/fig05.ts";
import type { Figure6Tables } from "../../stages/figures/fig06.ts";
import type { Figure13Tables } from "../../stages/figures/fig13.ts";
import type { BigModelTable, BigRow, ReducedRow, ReducedTable, Study } from "../../stages/figures/image-tables.ts";
import type { EventualSharpness, GeneralizationRow, GeneralizationTable } from "../../stages/figures/model-tables.ts";
import { eventual } from "./synthetic-models.ts";

export const PAPER_STUDY: Study = {
  network: "VGG10",
  data: { name: "cifar-10", train: 5_000, test: 1_000, copies: 1 },
};
export const MINIATURE: Study = {
  network: "miniature VGG (widths 2, 4, 8)",
  data: { name: "fashion-mnist", train: 200, test: 100, copies: 1 },
};
export const EXTREME = 0.712;

export const IMAGE_ETAS = [
  ...[0.0005, 0.000625, 0.00075, 0.000875, 0.001, 0.00125, 0.0015],
  // 0.002·1.6^k, as written to four digits
  ...Array.from({ length: 17 }, (_, k) => Number((0.002 * 1.6 ** k).toPrecision(4))),
];

/** What was read off a plot: straight lines between, over log η. */
const CURVE = [
  [0.00125, 0.305],
  [0.002, 0.32],
  [0.0131, 0.345],
  [0.021, 0.36],
  [0.0537, 0.41],
  [0.1374, 0.44],
  [0.22, 0.46],
  [0.563, 0.477],
  [1.441, 0.51],
  [3.69, 0.49],
] as const;

export function imageAccuracy(eta: number): number {
  const after = CURVE.findIndex(([at]) => at >= eta);
  if (after <= 0) return after === 0 ? CURVE[0][1] : CURVE.at(-1)![1];
  const [[x0, y0], [x1, y1]] = [CURVE[after - 1]!, CURVE[after]!];
  return y0 + ((y1 - y0) * Math.log(eta / x0)) / Math.log(x1 / x0);
}

const vectors = (at: (k: number) => number): number[] => [1, 2, 3, 4].map(at);

function modelAt(eta: number, seed: number, isComplete: boolean): GeneralizationRow {
  const scatter = Math.sin(7 * seed + 90 * Math.log(eta));
  if (!isComplete)
    return {
      eta,
      seed,
      ending: { reason: "diverged", epoch: 200 },
      validationAccuracy: null,
      validationAccuracyAll: null,
      sharpness: null,
      similarity: null,
    };
  return {
    eta,
    seed,
    ending: { reason: "complete", epoch: Math.round(100 + 22 / eta) },
    validationAccuracy: Number((imageAccuracy(eta) + 0.01 * scatter).toFixed(3)),
    validationAccuracyAll: null,
    sharpness: (1600 / (1 + (eta / 0.00125) ** 0.9)) * (1 - 0.05 * scatter),
    similarity: {
      first: vectors((k) => 0.05 + 0.01 * k + 0.01 * scatter),
      midpoint: vectors((k) => 0.8 - 0.05 * k - 0.02 * scatter),
      lowest:
        eta === IMAGE_ETAS[0] ? null : vectors((k) => (0.9 - 0.05 * k) / (1 + (eta / 0.05) ** 0.5) - 0.02 * scatter),
    },
  };
}

/** 24 learning rates, five seeds; of the largest two seeds diverge. */
export function syntheticImages(seeds = 5): GeneralizationTable {
  const models = IMAGE_ETAS.flatMap((eta) =>
    Array.from({ length: seeds }, (_, seed) => modelAt(eta, seed, eta < 3 || seed < seeds - 2)),
  );
  return { k: 4, models, correlations: correlationsOf(models, { k: 4, from: 0, upTo: Number.MAX_VALUE }) };
}

export function syntheticImageStable(): EventualSharpness[] {
  return [0, 1].map((seed) => ({ ...eventual({ before: 0.0005, at: 0, seed }, 1600), after: 0.0005 }));
}

export function syntheticFigure5b(): Figure5Tables {
  return { generalization: syntheticImages(), stable: syntheticImageStable() };
}

export const REDUCED_ETAS = IMAGE_ETAS.filter((eta) => eta > 0.08);
export const FRACTIONS = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9];

/** S falls and accuracy rises with the time at η₀, ever more slowly; extremely large rates gain from a late switch. */
export function syntheticReduced(seeds = 2): ReducedTable {
  const small = imageAccuracy(0.021);
  const models = REDUCED_ETAS.flatMap((eta) =>
    FRACTIONS.flatMap((fraction) =>
      Array.from({ length: seeds }, (_, seed): ReducedRow => {
        const full = modelAt(eta, seed, true);
        const of = full.ending.epoch;
        const at = Math.round(of * fraction);
        const scatter = Math.sin(11 * seed + 40 * Math.log(eta) + 9 * fraction);
        const way = 1 - Math.exp(-3 * fraction);
        const late = eta > EXTREME && fraction >= 0.8 ? 0.012 : 0;
        return {
          ...full,
          ending: { reason: "complete", epoch: at + 400 },
          validationAccuracy: Number((small + (imageAccuracy(eta) - small) * way + late + 0.002 * scatter).toFixed(3)),
          sharpness: 90 * Math.exp(-2 * way - 0.2 * Math.log(eta / 0.08)) * (1 + 0.02 * scatter),
          similarity: full.similarity && {
            ...full.similarity,
            lowest: vectors((k) => (0.8 - 0.05 * k) * (1 - 0.6 * way - 0.05 * Math.log(eta / 0.08)) - 0.01 * scatter),
          },
          reduction: { to: 0.021, at, trainAccuracy: 0.4 + 0.6 * fraction, fraction, of },
        };
      }),
    ),
  );
  return { k: 4, models, correlations: correlationsOf(models, { k: 4, from: 0, upTo: Number.MAX_VALUE }) };
}

const SEED_ETAS = [0.0005, 0.001, 0.0082, 0.0335, 0.1374, 0.3518, 0.9007, 1.441];

/** Nine initialisations a learning rate; above the edge ρ falls and S rises with accuracy, elsewhere they go at random. */
export function syntheticFigure13(): Figure13Tables {
  const models = SEED_ETAS.flatMap((eta, i) =>
    Array.from({ length: 9 }, (_, seed): GeneralizationRow => {
      // Between −1 and 1, in no order.
      const noise = (salt: number): number =>
        2 * ((43758.5453 * Math.abs(Math.sin(salt + 12.9898 * seed + 78.233 * i))) % 1) - 1;
      const isAbove = eta > 0.00125 && eta < EXTREME;
      const better = noise(1);
      const rho = isAbove ? -0.35 * better + 0.7 * noise(40) : noise(70);
      const sharp = isAbove ? 0.6 * better + 0.55 * noise(90) : -0.35 * better + 0.8 * noise(121);
      const model = modelAt(eta, seed, true);
      return {
        ...model,
        validationAccuracy: Number((imageAccuracy(eta) + 0.01 * better).toFixed(3)),
        sharpness: model.sharpness! * (1 + 0.05 * sharp),
        similarity: model.similarity && {
          ...model.similarity,
          lowest: i === 0 ? null : vectors((k) => 0.6 - 0.05 * k + 0.05 * rho),
        },
      };
    }),
  );
  const correlations = correlationsOf(models, { k: 4, from: 0, upTo: Number.MAX_VALUE });
  return { generalization: { k: 4, models, correlations }, stable: syntheticImageStable(), extreme: EXTREME };
}

export function syntheticFigure6(): Figure6Tables {
  return { reduced: syntheticReduced(), constant: syntheticImages() };
}

const BIG: Readonly<Record<BigRow, { readonly network: string; readonly copies: number; readonly percent: number[] }>> =
  {
    "vgg19-50k": { network: "VGG19", copies: 1, percent: [67.4, 68.1, 70.9, 73.0, 73.1, 73.9] },
    "vgg19-500k": { network: "VGG19", copies: 10, percent: [78.3, 80.2, 81.9, 82.5, 83.8, 84.3] },
    "resnet20-500k": { network: "ResNet20", copies: 10, percent: [83.2, 85.3, 86.3, 86.7, 86.8, 87.5] },
    "resnet20-500k-reduced-at-0.9": {
      network: "ResNet20",
      copies: 10,
      percent: [Number.NaN, Number.NaN, 83.3, 83.6, 84.4, 85.1],
    },
    "resnet20-500k-reduced-at-0.98": {
      network: "ResNet20",
      copies: 10,
      percent: [Number.NaN, Number.NaN, 85.4, 86.1, 86.5, 87.0],
    },
  };

/** Near the paper's table; η = 6.4 diverges. */
export function syntheticBigModels(): BigModelTable[] {
  return (Object.keys(BIG) as BigRow[]).flatMap((row) => {
    const { network, copies, percent } = BIG[row];
    const study: Study = { network, data: { name: "cifar-10", train: 50_000, test: 10_000, copies } };
    const atAccuracy = Number(/at-(.*)$/.exec(row)?.[1] ?? 0);
    const about = { row, study, seed: 0 };
    const models = percent.flatMap((value, i): BigModelTable[] =>
      Number.isNaN(value)
        ? []
        : [
            {
              ...about,
              eta: 0.1 * 2 ** i,
              ending: { reason: "complete", epoch: 900 },
              loss: 0.001,
              trainAccuracy: 1,
              validationAccuracy: value / 100,
              reduction: atAccuracy === 0 ? null : { to: 0.1, at: 500, trainAccuracy: atAccuracy + 0.001, atAccuracy },
            },
          ],
    );
    if (atAccuracy > 0) return models;
    const lost: BigModelTable = {
      ...about,
      eta: 6.4,
      ending: { reason: "diverged", epoch: 120 },
      loss: null,
      trainAccuracy: 0.1,
      validationAccuracy: null,
      reduction: null,
    };
    return [...models, lost];
  });
}
