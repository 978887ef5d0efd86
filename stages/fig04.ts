/** Figure 4: progressive flattening. The larger the learning rate and the longer it is kept, the flatter a model stays. */
import { readFileSync } from "node:fs";
import { defineStage, type StageContext, StageError } from "../src/stage.ts";
import { figure4Data, flattenings } from "./figures/fig04.ts";
import spec from "./figures/fig04.vl.json" with { type: "json" };
import { figure4Claims, figure4Tables } from "./figures/fig04-claims.ts";
import type { EventualSharpness } from "./figures/model-tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const tables = { reduced: readAll(context, "reduced"), stable: readAll(context, "stable") };
    if (flattenings(tables).length === 0)
      throw new StageError(
        "every run completed its training before its learning rate was to be reduced",
        "give params.flattening.switches earlier epochs",
      );
    await writeFigure(context, {
      name: "fig04",
      title: "Progressive flattening: larger learning rates, kept longer, leave models flatter",
      spec,
      data: figure4Data(tables),
      claims: figure4Claims(tables),
      tables: figure4Tables(tables),
    });
  },
});

function readAll(context: StageContext, name: string): EventualSharpness[] {
  return context.depAll(name).map(({ path }) => JSON.parse(readFileSync(path, "utf8")) as EventualSharpness);
}
