/** Every figure of the paper's with made-up data: what tests draw. */
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import { convergenceData } from "../../stages/figures/convergence.ts";
import convergence from "../../stages/figures/convergence.vl.json" with { type: "json" };
import { densityData } from "../../stages/figures/density.ts";
import density from "../../stages/figures/density.vl.json" with { type: "json" };
import { figure1Data } from "../../stages/figures/fig01.ts";
import fig01 from "../../stages/figures/fig01.vl.json" with { type: "json" };
import { figure2Data } from "../../stages/figures/fig02.ts";
import fig02 from "../../stages/figures/fig02.vl.json" with { type: "json" };
import fig03 from "../../stages/figures/fig03.vl.json" with { type: "json" };
import { figure4Data } from "../../stages/figures/fig04.ts";
import fig04 from "../../stages/figures/fig04.vl.json" with { type: "json" };
import { figure5aData, figure5aSpec } from "../../stages/figures/fig05a.ts";
import { figure5bData, figure5bSpec } from "../../stages/figures/fig05b.ts";
import { figure6Data, figure6Spec } from "../../stages/figures/fig06.ts";
import { figure7Data, figure7Spec, figure7Table } from "../../stages/figures/fig07.ts";
import { figure8Data } from "../../stages/figures/fig08.ts";
import fig08 from "../../stages/figures/fig08.vl.json" with { type: "json" };
import { figure9Data } from "../../stages/figures/fig09.ts";
import fig09 from "../../stages/figures/fig09.vl.json" with { type: "json" };
import { figure10Data } from "../../stages/figures/fig10.ts";
import fig10 from "../../stages/figures/fig10.vl.json" with { type: "json" };
import fig11 from "../../stages/figures/fig11.vl.json" with { type: "json" };
import { figure12Data } from "../../stages/figures/fig12.ts";
import { figure12aSpec, MLP_ROW } from "../../stages/figures/fig12a.ts";
import { imageData, imageSpec } from "../../stages/figures/fig12b.ts";
import { figure13Data, figure13Spec } from "../../stages/figures/fig13.ts";
import {
  imageDensityData,
  imageDensitySpec,
  imageLayersData,
  imageLayersSpec,
} from "../../stages/figures/image-curvature.ts";
import { figure3Data, figure11Data } from "../../stages/figures/landscape-rows.ts";
import { layersData } from "../../stages/figures/layers.ts";
import layers from "../../stages/figures/layers.vl.json" with { type: "json" };
import { syntheticTables } from "./synthetic.ts";
import {
  syntheticConvergence,
  syntheticDensity,
  syntheticImageCurvature,
  syntheticLayers,
  syntheticTrace,
} from "./synthetic-curvature.ts";
import { syntheticLandscape, syntheticPeriods, syntheticSharpening, syntheticUnstable } from "./synthetic-cycles.ts";
import {
  EXTREME,
  MINIATURE,
  PAPER_STUDY,
  syntheticBigModels,
  syntheticFigure5b,
  syntheticFigure6,
  syntheticFigure13,
  syntheticImages,
  syntheticReduced,
} from "./synthetic-images.ts";
import { syntheticFlattening, syntheticGeneralization } from "./synthetic-models.ts";
import { dlnTable } from "./tables.ts";

export const FIGURES: readonly {
  readonly name: string;
  readonly spec: FigureSpec;
  readonly data: () => Promise<Record<string, Rows>>;
}[] = [
  { name: "fig01", spec: fig01, data: async () => figure1Data(await dlnTable()) },
  { name: "fig02", spec: fig02, data: async () => figure2Data(syntheticTables()) },
  { name: "fig04", spec: fig04, data: async () => figure4Data(syntheticFlattening()) },
  {
    name: "fig05a",
    spec: figure5aSpec({ generalization: syntheticGeneralization(), stable: syntheticFlattening().stable }),
    data: async () => figure5aData({ generalization: syntheticGeneralization(), stable: syntheticFlattening().stable }),
  },
  {
    name: "fig05b",
    spec: figure5bSpec(MINIATURE, syntheticFigure5b()),
    data: async () => figure5bData(syntheticFigure5b(), MINIATURE, EXTREME),
  },
  {
    name: "fig06a",
    spec: figure6Spec(syntheticFigure6(), PAPER_STUDY, "sharpness", EXTREME),
    data: async () => figure6Data(syntheticFigure6(), "sharpness", EXTREME),
  },
  {
    name: "fig06b",
    spec: figure6Spec(syntheticFigure6(), MINIATURE, "accuracy", EXTREME),
    data: async () => figure6Data(syntheticFigure6(), "accuracy", EXTREME),
  },
  {
    name: "fig07",
    spec: figure7Spec(figure7Table(syntheticBigModels())),
    data: async () => figure7Data(figure7Table(syntheticBigModels())),
  },
  {
    name: "fig13",
    spec: figure13Spec(syntheticFigure13(), PAPER_STUDY),
    data: async () => figure13Data(syntheticFigure13()),
  },
  { name: "fig03", spec: fig03, data: async () => figure3Data(syntheticLandscape()) },
  { name: "fig08", spec: fig08, data: async () => figure8Data(syntheticPeriods()) },
  {
    name: "fig09",
    spec: fig09,
    data: async () => figure9Data({ ...syntheticTables(), sharpening: syntheticSharpening([41, 116, 159]) }),
  },
  { name: "fig10", spec: fig10, data: async () => figure10Data(syntheticUnstable()) },
  { name: "fig11", spec: fig11, data: async () => figure11Data(syntheticLandscape()) },
  {
    name: "fig12a",
    spec: figure12aSpec(syntheticGeneralization(), 0.01),
    data: async () => figure12Data(syntheticGeneralization(), MLP_ROW, 0.01),
  },
  {
    name: "fig12b",
    spec: imageSpec(syntheticImages(), PAPER_STUDY, "constant", 0),
    data: async () => imageData(syntheticImages(), PAPER_STUDY, "constant", 0),
  },
  {
    name: "fig12c",
    spec: imageSpec(syntheticReduced(), PAPER_STUDY, "reduced", 0),
    data: async () => imageData(syntheticReduced(), PAPER_STUDY, "reduced", 0),
  },
  {
    name: "density",
    spec: density,
    data: async () => densityData({ density: await syntheticDensity(), trace: syntheticTrace() }, 0.4),
  },
  { name: "layers", spec: layers, data: async () => layersData(syntheticLayers()) },
  {
    name: "image-density",
    spec: imageDensitySpec(MINIATURE, await syntheticImageCurvature()),
    data: async () => imageDensityData(await syntheticImageCurvature(), 0.01),
  },
  {
    name: "image-layers",
    spec: imageLayersSpec(PAPER_STUDY, await syntheticImageCurvature()),
    data: async () => imageLayersData(await syntheticImageCurvature()),
  },
  { name: "convergence", spec: convergence, data: async () => convergenceData(syntheticConvergence()) },
];
