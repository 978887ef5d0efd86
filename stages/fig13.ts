/** Figure 13: across initialisations of one learning rate, what goes with generalization: ρ or the sharpness. */
import { defineStage, StageError } from "../src/stage.ts";
import { correlationsByEta, figure13Data, figure13Spec, PREDICTORS } from "./figures/fig13.ts";
import { figure13Claims, figure13Tables } from "./figures/fig13-claims.ts";
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
    const tables = {
      generalization: readTable<GeneralizationTable>(context, "table"),
      stable: readStable(context),
      extreme,
    };
    const correlations = correlationsByEta(tables);
    if (PREDICTORS.some((predictor) => correlations.every((of) => of.predictor !== predictor)))
      throw new StageError(
        "no learning rate has three models that completed their training, above the lowest one",
        "give params.images.more more seeds and two learning rates or more, or params.images more epochs",
      );
    await writeFigure(context, {
      name: "fig13",
      title: `ρ and sharpness as predictors across initialisations: ${studyTitle(study, VGG10_5K)}`,
      spec: figure13Spec(tables, study),
      data: figure13Data(tables),
      claims: figure13Claims(tables, study),
      tables: figure13Tables(tables, study),
    });
  },
});
