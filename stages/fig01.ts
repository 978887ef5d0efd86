/** Figure 1: trajectories of the diagonal linear network and the rotation of its sharpest eigenvector. */
import { readFileSync } from "node:fs";
import { defineStage, StageError } from "../src/stage.ts";
import type { DlnTable } from "./figures/dln-table.ts";
import { figure1Data, isStable } from "./figures/fig01.ts";
import spec from "./figures/fig01.vl.json" with { type: "json" };
import { figure1Claims } from "./figures/fig01-claims.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const table = JSON.parse(readFileSync(context.dep("table").path, "utf8")) as DlnTable;
    const stable = table.trajectories.filter((trajectory) => isStable(table, trajectory)).length;
    if (stable === 0 || stable === table.trajectories.length) {
      throw new StageError(
        `Figure 1 shows both regimes, and all of its learning rates are ${stable === 0 ? "un" : ""}stable`,
        `give params.dln.etas values below and above ${table.thresholds.unity}`,
      );
    }
    await writeFigure(context, {
      name: "fig01",
      title: "Optimization trajectories in a two-parameter diagonal linear network display rotations",
      spec,
      data: figure1Data(table),
      claims: figure1Claims(table),
    });
  },
});
