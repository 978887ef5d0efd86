/** As generalization, of models whose learning rate was reduced: ρ's reference is the same seed's lowest constant one. */
import { defineStage } from "../src/stage.ts";
import type { ReducedRow } from "./figures/image-tables.ts";
import type { ModelRow } from "./figures/model-tables.ts";
import { writeGeneralization } from "./shared/generalize.ts";

export default defineStage({
  async run(context) {
    const all = (dep: string) => context.depAll(dep);
    writeGeneralization<ModelRow & Pick<ReducedRow, "reduction">>(
      context,
      { models: all("models"), spectra: all("spectra"), vectors: all("vectors") },
      { models: all("references"), vectors: all("referenceVectors") },
      ({ reduction }) => ({ reduction }),
    );
  },
});
