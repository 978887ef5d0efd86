/** The stages of Figures 12b and 12c. */
import { type StageContext, StageError } from "../../src/stage.ts";
import { comparable, HEADLINE } from "../figures/correlations.ts";
import { imageData, imageSpec, type Regime } from "../figures/fig12b.ts";
import { imageAssociations, imageClaims } from "../figures/fig12b-claims.ts";
import type { GeneralizationTable } from "../figures/model-tables.ts";
import { studyTitle, VGG10_5K } from "../figures/studies.ts";
import { paramsOf } from "./params.ts";
import { studyFrom } from "./study.ts";
import { readTable } from "./tables.ts";
import { writeFigure } from "./write-figure.ts";

const WORDS: Readonly<Record<Regime, string>> = { constant: "constant η", reduced: "η reduced during training" };

export async function drawAssociations(
  context: StageContext,
  { name, regime }: { readonly name: string; readonly regime: Regime },
): Promise<void> {
  const { from } = paramsOf(context, { from: "number" });
  const study = studyFrom(context);
  const table = readTable<GeneralizationTable>(context, "table");
  const count = comparable(table.models, from).length;
  if (count < 4 || table.k < 3)
    throw new StageError(
      `${count} models completed their training with ${table.k} eigenvectors each; ${HEADLINE} of four models is wanted`,
      "give params.images more etas or seeds, and a k of 3 or more",
    );
  await writeFigure(context, {
    name,
    title: `Generalization performance with learning rate, sharpness and ρ, ${WORDS[regime]}: ${studyTitle(study, VGG10_5K)}`,
    spec: imageSpec(table, study, regime, from),
    data: imageData(table, study, regime, from),
    claims: imageClaims(table, study, regime),
    tables: imageAssociations(table, study, regime),
  });
}
