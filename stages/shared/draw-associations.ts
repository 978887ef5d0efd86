/** The stages of Figures 12b and 12c. */
import type { StageContext } from "../../src/stage.ts";
import { imageData, imageSpec, type Regime } from "../figures/fig12b.ts";
import { imageAssociations, imageClaims } from "../figures/fig12b-claims.ts";
import { studyTitle, VGG10_5K } from "../figures/studies.ts";
import { readComparable } from "./comparable-models.ts";
import { paramsOf } from "./params.ts";
import { studyFrom } from "./study.ts";
import { writeFigure } from "./write-figure.ts";

const WORDS: Readonly<Record<Regime, string>> = { constant: "constant η", reduced: "η reduced during training" };

export async function drawAssociations(
  context: StageContext,
  { name, regime }: { readonly name: string; readonly regime: Regime },
): Promise<void> {
  const { from } = paramsOf(context, { from: "number" });
  const study = studyFrom(context);
  const table = readComparable(context, from, "params.images");
  await writeFigure(context, {
    name,
    title: `Generalization performance with learning rate, sharpness and ρ, ${WORDS[regime]}: ${studyTitle(study, VGG10_5K)}`,
    spec: imageSpec(table, study, regime, from),
    data: imageData(table, study, regime, from),
    claims: imageClaims(table, study, regime),
    tables: imageAssociations(table, study, regime),
  });
}
