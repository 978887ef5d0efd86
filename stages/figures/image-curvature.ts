/** What is drawn of the Hessian of trained image networks: its whole spectrum and its trace, and the sharpness of each layer. */
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import { fillSlots } from "../../src/figures/slots.ts";
import type { Quadrature } from "../../src/numerics/spectral-density.ts";
import densitySpec from "./image-density.vl.json" with { type: "json" };
import layersSpec from "./image-layers.vl.json" with { type: "json" };
import type { ImageCurvatureTable, Study } from "./image-tables.ts";
import type { SpectrumRow } from "./model-tables.ts";
import { shown } from "./shown.ts";
import { bar, deflated, pointsOf, spectrumRows, traceOf } from "./spectral-curve.ts";
import { grouped, studyHeading, studyTitle, VGG10_5K } from "./studies.ts";

export interface ImageCurvatureTables {
  readonly curvature: readonly ImageCurvatureTable[];
  /** Of the same models, among others. */
  readonly spectra: readonly SpectrumRow[];
}

/** A model that completed its training, in ascending η. */
export interface MeasuredModel extends Omit<ImageCurvatureTable, "found"> {
  readonly found: NonNullable<ImageCurvatureTable["found"]>;
  /** S = λ₁ of the whole Hessian, by image-spectrum. */
  readonly sharpness: number;
}

export function measuredModels({ curvature, spectra }: ImageCurvatureTables): MeasuredModel[] {
  return curvature
    .flatMap(({ found, ...about }) => {
      const sharpness = spectra.find(({ eta, seed }) => eta === about.eta && seed === about.seed)?.values[0];
      return found === null || sharpness === undefined ? [] : [{ ...about, found, sharpness }];
    })
    .sort((a, b) => a.eta - b.eta);
}

/** A model without a Hessian did not complete its training, in the words of a heading. */
const INCOMPLETE = { diverged: "diverged", epochs: "stopped at the limit of epochs" } as const;

/** Says which models are missing, where some are. */
export function missingNote({ curvature }: ImageCurvatureTables): readonly string[] {
  const missing = curvature
    .filter(({ found }) => found === null)
    .map(({ eta, ending: { reason } }) => `η = ${eta}${reason === "complete" ? "" : ` (${INCOMPLETE[reason]})`}`);
  return missing.length === 0 ? [] : [`Not drawn, since training was not completed: ${missing.join(", ")}.`];
}

export function imageDensitySpec(study: Study, tables: ImageCurvatureTables): FigureSpec {
  return fillSlots(densitySpec, {
    title: studyHeading(study, VGG10_5K, { notes: missingNote(tables) }),
    description: `Spectral density and trace of the Hessian at the end of training, at a low, a middle and a high learning rate: ${studyTitle(study, VGG10_5K)}. Eigenvalues are in units of the stability threshold 2/η.`,
  });
}

/** `width`: standard deviation of the Gaussian that an eigenvalue is broadened to, in units of 2/η. */
export function imageDensityData(tables: ImageCurvatureTables, width: number): Record<string, Rows> {
  const models = measuredModels(tables);
  const scaled = models.map(({ found, threshold }) => found.quadratures.map((probe) => inUnits(probe, threshold)));
  const optionsOf = (parameters: number) => ({ parameters, width, upTo: 1 });
  const points = pointsOf(scaled.flat(), optionsOf(1));
  return {
    spectrum: models.flatMap((model, order) =>
      spectrumRows(deflated(scaled[order]!, model.parameters), points, optionsOf(model.parameters)).map((row) => ({
        model: titleOf(model),
        order,
        ...row,
      })),
    ),
    threshold: [{ eigenvalue: 1, label: "2/η" }],
    trace: models.flatMap(({ eta, threshold, parameters, found: { trace } }, i) => [
      { eta: String(eta), way: "Hutch++", ...bar(trace.value / threshold, trace.error / threshold) },
      { eta: String(eta), way: "quadrature", ...traceOf(deflated(scaled[i]!, parameters), parameters) },
    ]),
  };
}

export function imageLayersSpec(study: Study, tables: ImageCurvatureTables): FigureSpec {
  return fillSlots(layersSpec, {
    title: studyHeading(study, VGG10_5K, { notes: missingNote(tables) }),
    description: `Sharpness of each layer, the largest eigenvalue of its diagonal block of the Hessian, as a fraction of the whole network's, at the end of training: ${studyTitle(study, VGG10_5K)}.`,
  });
}

export function imageLayersData(tables: ImageCurvatureTables): Record<string, Rows> {
  return {
    layers: measuredModels(tables).flatMap(({ eta, sharpness, found }) =>
      found.layers.map(({ name, parameters, sharpness: own }, order) => ({
        eta: String(eta),
        layer: `${name} (${grouped(parameters)})`,
        order,
        share: own / sharpness,
      })),
    ),
  };
}

const titleOf = ({ eta, threshold, sharpness, ending }: MeasuredModel): string =>
  `η = ${eta}: 2/η = ${shown(threshold)}, S = ${shown(sharpness)} after ${ending.epoch} epochs`;

function inUnits({ nodes, weights, residuals }: Quadrature, unit: number): Quadrature {
  return { weights, nodes: nodes.map((node) => node / unit), residuals: residuals.map((residual) => residual / unit) };
}
