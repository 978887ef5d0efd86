/** The stages of Figures 6a and 6b. */
import { type StageContext, StageError } from "../../src/stage.ts";
import { figure6Data, figure6Spec, type Quantity, switchedOf } from "../figures/fig06.ts";
import { figure6Claims, figure6Tables } from "../figures/fig06-claims.ts";
import type { ReducedTable } from "../figures/image-tables.ts";
import type { GeneralizationTable } from "../figures/model-tables.ts";
import { studyTitle, VGG10_5K } from "../figures/studies.ts";
import { paramsOf } from "./params.ts";
import { studyFrom } from "./study.ts";
import { readTable } from "./tables.ts";
import { writeFigure } from "./write-figure.ts";

const SAYING: Readonly<Record<Quantity, string>> = {
  sharpness: "Larger learning rates for longer flatten progressively",
  accuracy: "Larger learning rates for longer improve generalization",
};

export async function drawReductions(
  context: StageContext,
  { name, quantity }: { readonly name: string; readonly quantity: Quantity },
): Promise<void> {
  const { extreme } = paramsOf(context, { extreme: "number" });
  const study = studyFrom(context);
  const tables = {
    reduced: readTable<ReducedTable>(context, "reduced"),
    constant: readTable<GeneralizationTable>(context, "constant"),
  };
  if (switchedOf(tables).length === 0)
    throw new StageError(
      "no model completed its training after its learning rate was reduced",
      "give params.images more epochs, or params.images.reduced smaller fractions",
    );
  await writeFigure(context, {
    name,
    title: `${SAYING[quantity]}: ${studyTitle(study, VGG10_5K)}`,
    spec: figure6Spec(tables, study, quantity, extreme),
    data: figure6Data(tables, quantity, extreme),
    claims: figure6Claims(tables, study, quantity, extreme),
    tables: figure6Tables(tables, study, quantity),
  });
}
