import { spectralQuadrature } from "../../src/numerics/spectral-density.ts";
import type { ConvergenceTable, DensityTable, LayersTable, TraceTable } from "../../stages/figures/curvature-tables.ts";
import type { ImageCurvatureTables } from "../../stages/figures/image-curvature.ts";
import type { SharpnessTable } from "../../stages/figures/mlp-tables.ts";
import { range, rotated } from "../numerics/spectra.ts";

/** Outliers apart from 200 eigenvalues between −1 and 1, the largest moving past 2/η = 40 and back. */
export const OUTLIERS = {
  initial: [4, 3],
  before: [38, 20, 9],
  peak: [55, 41, 12, -6],
  after: [36, 22],
  last: [41, 18],
};
export const PARAMETERS = 204;

export function spectrumOf(role: keyof typeof OUTLIERS): number[] {
  const outliers = OUTLIERS[role];
  const bulk = PARAMETERS - outliers.length;
  return [...outliers, ...range(1, bulk).map((i) => (2 * (i - 1)) / (bulk - 1) - 1)];
}

export async function syntheticDensity(): Promise<DensityTable> {
  const epochs = { initial: 0, before: 32, peak: 41, after: 50, last: 200 };
  const rows = [];
  for (const role of ["initial", "before", "peak", "after", "last"] as const) {
    const { quadratures } = await spectralQuadrature(rotated(spectrumOf(role)), PARAMETERS, { probes: 3, steps: 30 });
    rows.push({ epoch: epochs[role], role, quadratures });
  }
  return { eta: 0.05, threshold: 40, parameters: PARAMETERS, steps: 30, rows };
}

export function syntheticTrace(): TraceTable {
  const rows = range(0, 10).map((i) => ({
    epoch: 20 * i,
    trace: 300 - 250 * Math.exp(-i),
    traceError: 5 + i,
    squaredNorm: 6000,
    squaredNormError: 100,
  }));
  return { eta: 0.05, rows };
}

const sharpness = (epoch: number): number => 42 - 38 * Math.exp(-epoch / 15);

export function syntheticLayers(): { readonly layers: LayersTable; readonly sharpness: SharpnessTable } {
  const layers = ["dense1", "dense2", "dense3"].map((name, i) => ({ name, parameters: 100 - 10 * i }));
  const rows = range(0, 20).map((i) => ({
    epoch: 10 * i,
    values: [0.5, 0.3, 0.1].map((share) => share * sharpness(10 * i)),
  }));
  const whole = range(0, 100).map((i) => ({
    epoch: 2 * i,
    values: [sharpness(2 * i)],
    residuals: [1e-5],
    matvecs: 12,
  }));
  return {
    layers: { eta: 0.05, threshold: 40, layers, rows },
    sharpness: { eta: 0.05, threshold: 40, rows: whole },
  };
}

/** Three models whose Hessian is the one at a moment of the above, of which the last did not complete its training. */
export async function syntheticImageCurvature(): Promise<ImageCurvatureTables> {
  const roles = ["before", "peak"] as const;
  const curvature = [];
  const spectra = [];
  for (const [i, eta] of [0.05, 0.1, 1].entries()) {
    const role = roles[i];
    const about = { eta, seed: 0, threshold: 2 / eta, parameters: PARAMETERS, steps: 30 };
    if (role === undefined) {
      curvature.push({ ...about, ending: { reason: "diverged", epoch: 7 }, found: null } as const);
      spectra.push({ eta, seed: 0, values: [], similarity: null });
      continue;
    }
    const values = spectrumOf(role);
    const sum = (of: (value: number) => number) => values.reduce((total, value) => total + of(value), 0);
    const { quadratures } = await spectralQuadrature(rotated(values), PARAMETERS, { probes: 4, steps: 30 });
    const layers = [0.9, 0.4, 0.1].map((share, layer) => ({
      name: `conv${layer + 1}`,
      parameters: 100,
      sharpness: share * values[0]!,
    }));
    const trace = { value: sum((value) => value), error: 0.5, rank: 8, matvecs: 24 };
    const squaredNorm = { value: sum((value) => value * value), error: 20 };
    curvature.push({
      ...about,
      ending: { reason: "complete", epoch: 90 },
      found: { quadratures, trace, squaredNorm, layers },
    } as const);
    spectra.push({ eta, seed: 0, values: values.slice(0, 3), similarity: null });
  }
  return { curvature, spectra };
}

export function syntheticConvergence(): ConvergenceTable {
  const solved = { instances: 1, k: 3, tol: 1e-4, count: 100, converged: 100, matvecs: 1270, worst: 9e-5 };
  return {
    stages: [
      { stage: "sharpness", ...solved, unconverged: [] },
      {
        stage: "unstable",
        ...solved,
        converged: 97,
        worst: 0.02,
        unconverged: [
          { instance: "unstable@snapshot=0,update=only", at: "epoch 41", status: "max-matvecs", worst: 0.02 },
          { instance: "unstable@snapshot=0,update=only", at: "epoch 42", status: "max-matvecs", worst: 0.01 },
          { instance: "unstable@snapshot=0,update=plain", at: "epoch 60", status: "not-finite", worst: null },
        ],
      },
      {
        stage: "model-spectrum",
        ...solved,
        count: 0,
        converged: 0,
        matvecs: 0,
        worst: null,
        unconverged: [],
      },
    ],
    trajectory: range(0, 50).map((i) => ({
      epoch: 2 * i,
      warm: i === 0 ? 25 : 12,
      cold: i % 10 === 0 ? (i === 0 ? 25 : 14) : null,
      difference: i % 10 === 0 ? 1e-9 : null,
    })),
  };
}
