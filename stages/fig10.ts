/** Figure 10: small steps along unstable directions make training stable; steps along them alone make it unstable. */
import { readFileSync } from "node:fs";
import { defineStage } from "../src/stage.ts";
import type { UnstableTable } from "./figures/cycle-tables.ts";
import { figure10Columns, figure10Data } from "./figures/fig10.ts";
import spec from "./figures/fig10.vl.json" with { type: "json" };
import { figure10Claims } from "./figures/fig10-claims.ts";
import { writeFigure } from "./shared/write-figure.ts";

export default defineStage({
  async run(context) {
    const tables = context.depAll("runs").map(({ path }) => JSON.parse(readFileSync(path, "utf8")) as UnstableTable);
    await writeFigure(context, {
      name: "fig10",
      title: "Small steps along unstable directions keep training stable; steps along them alone do not",
      spec: { ...spec, columns: figure10Columns(tables) },
      data: figure10Data(tables),
      claims: figure10Claims(tables),
    });
  },
});
