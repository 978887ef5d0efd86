/**
 * What holds of every symmetric matrix, held against the estimates for the image networks' Hessians: these come from the same
 * products by different ways. The paper states nothing of them.
 */
import { type Claim, ruleClaim } from "../../src/figures/claims.ts";
import { type Estimate, spectralMean } from "../../src/numerics/spectral-density.ts";
import { type ImageCurvatureTables, type MeasuredModel, measuredModels } from "./image-curvature.ts";
import { shown } from "./shown.ts";

const SOURCE = "this reproduction";
/** Differences beyond so many standard errors fail. Those of few probes are themselves known to a factor of two or so. */
const ERRORS = 5;

export function imageDensityClaims(tables: ImageCurvatureTables): Claim[] {
  const models = measuredModels(tables);
  return [
    rule(models, {
      id: "mass",
      statement: "A density of eigenvalues has the integral 1.",
      // A weight is the square of an entry of a unit vector, in double precision.
      rule: "each probe's weights sum to 1 within 1e-12",
      off: ({ found }) => Math.max(...found.quadratures.map(({ weights }) => Math.abs(sum(weights) - 1))),
      limit: 1e-12,
      told: "sums are off by",
    }),
    rule(models, {
      id: "top",
      statement: "The largest Ritz value of the probes is the sharpness that was solved for.",
      rule: "|Ritz value/S − 1| ≤ 0.001",
      off: ({ found, sharpness }) =>
        Math.abs(Math.max(...found.quadratures.map(({ nodes }) => nodes[0]!)) / sharpness - 1),
      limit: 1e-3,
      told: "relative differences are",
    }),
    sameSum(models, {
      id: "trace",
      statement: "The sum of the eigenvalues is the trace: by quadrature and by Hutch++ it is the same.",
      estimate: ({ trace }) => trace,
      of: (x) => x,
    }),
    sameSum(models, {
      id: "squared-norm",
      statement: "The sum of the squared eigenvalues is ‖H‖²_F: by quadrature and by Hutch++ it is the same.",
      estimate: ({ squaredNorm }) => squaredNorm,
      of: (x) => x * x,
    }),
  ];
}

export function imageLayersClaims(tables: ImageCurvatureTables): Claim[] {
  return [
    rule(measuredModels(tables), {
      id: "interlacing",
      statement: "No layer is sharper than the whole network (Cauchy's interlacing).",
      // Both are solved to a residual far below that.
      rule: "each layer's λ₁ ≤ 1.001·S",
      off: ({ found, sharpness }) => Math.max(...found.layers.map((layer) => layer.sharpness)) / sharpness,
      limit: 1.001,
      told: "the sharpest layer has, of S,",
    }),
  ];
}

interface Rule {
  readonly id: string;
  readonly statement: string;
  readonly rule: string;
  readonly off: (model: MeasuredModel) => number;
  readonly limit: number;
  readonly told: string;
}

/** Passes when `off` is at most `limit` for each model. */
function rule(models: readonly MeasuredModel[], { off, limit, told, ...stated }: Rule): Claim {
  const found = models.map((model) => ({ eta: model.eta, value: off(model) }));
  const values = found.map(({ eta, value }) => `${shown(value)} (η = ${eta})`).join(", ");
  return ruleClaim({
    ...stated,
    source: SOURCE,
    paper: null,
    ours: models.length === 0 ? undefined : `${told} ${values}`,
    holds: found.every(({ value }) => value <= limit),
    ...(models.length === 0 ? { note: "no model completed its training" } : {}),
  });
}

interface Sum {
  readonly id: string;
  readonly statement: string;
  /** By Hutch++. */
  readonly estimate: (found: MeasuredModel["found"]) => Estimate;
  /** What is summed over the eigenvalues. */
  readonly of: (eigenvalue: number) => number;
}

function sameSum(models: readonly MeasuredModel[], { id, statement, estimate, of }: Sum): Claim {
  return rule(models, {
    id,
    statement,
    rule: `the two differ by at most ${ERRORS} standard errors of their difference`,
    off: ({ found, parameters }) => apart(estimate(found), scaled(spectralMean(found.quadratures, of), parameters)),
    limit: ERRORS,
    told: "standard errors apart:",
  });
}

/** By how many standard errors of their difference two independent estimates differ. */
const apart = (a: Estimate, b: Estimate): number => Math.abs(a.value - b.value) / Math.hypot(a.error, b.error);

const scaled = ({ value, error }: Estimate, factor: number): Estimate => ({
  value: factor * value,
  error: factor * error,
});

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
