/** Figure 5b: validation accuracy of VGG10 over learning rates, below and above the stability threshold. */
import { defineStage, StageError } from "../src/stage.ts";
import { meanAccuracies } from "./figures/fig05.ts";
import { figure5bData, figure5bSpec } from "./figures/fig05b.ts";
import { figure5bClaims } from "./figures/fig05b-claims.ts";
import type { GeneralizationTable } from "./figures/model-tables.ts";
import { studyTitle, VGG10_5K } from "./figures/studies.ts";
import { paramsOf } from "./shared/params.ts";
import { readStable } from "./shared/stable.ts";
import { studyFrom } from "./shared/study.ts";
import { readTable } from "./shared/tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const { extreme } = paramsOf(context, { extreme: "number" });
    const study = studyFrom(context);
    const generalization = readTable<GeneralizationTable>(context, "table");
    const tables = { generalization, stable: readStable(context) };
    if (meanAccuracies("paper", generalization).length === 0)
      throw new StageError(
        "no model completed its training",
        "give params.images.epochs more epochs, or params.images.etas smaller learning rates",
      );
    await writeFigure(context, {
      name: "fig05b",
      title: `Generalization performance improves past the stability limit: ${studyTitle(study, VGG10_5K)}`,
      spec: figure5bSpec(study, tables),
      data: figure5bData(tables, study, extreme),
      claims: figure5bClaims(tables, study),
    });
  },
});
