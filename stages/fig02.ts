/** Figure 2: the sharpest eigenvectors of an MLP's Hessian rotate away during instabilities, and back when η is reduced. */
import { readFileSync } from "node:fs";
import { defineStage, type StageContext, StageError } from "../src/stage.ts";
import { figure2Data } from "./figures/fig02.ts";
import spec from "./figures/fig02.vl.json" with { type: "json" };
import { figure2Claims } from "./figures/fig02-claims.ts";
import type { Figure2Tables } from "./figures/mlp-tables.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const tables: Figure2Tables = {
      run: read(context, "run"),
      sharpness: read(context, "sharpness"),
      instabilities: read(context, "instabilities"),
      similarity: read(context, "similarity"),
      interventions: read(context, "interventions"),
    };
    if (tables.instabilities.snapshots.length === 0) {
      throw new StageError(
        `the run with η = ${tables.run.eta} has no instability to show`,
        "give params.figure2.eta a larger learning rate, or params.mlp.epochs more epochs",
      );
    }
    await writeFigure(context, {
      name: "fig02",
      title: "During instabilities, the sharpest eigenvectors of the Hessian rotate away; stable training reverts it",
      spec,
      data: figure2Data(tables),
      claims: figure2Claims(tables),
    });
  },
});

function read<T>(context: StageContext, name: string): T {
  return JSON.parse(readFileSync(context.dep(name).path, "utf8")) as T;
}
