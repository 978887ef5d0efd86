/** All trained models in one table, and what their validation accuracy correlates with (the paper's Figure 12). */
import { defineStage } from "../src/stage.ts";
import { writeGeneralization } from "./shared/generalize.ts";

export default defineStage({
  async run(context) {
    const [models, spectra, vectors] = ["models", "spectra", "vectors"].map((dep) => context.depAll(dep));
    writeGeneralization(context, { models: models!, spectra: spectra!, vectors: vectors! });
  },
});
