/** As generalization, of some learning rates with more seeds (Figure 13): the models of the grid, and those trained besides. */
import { defineStage, StageError } from "../src/stage.ts";
import { writeGeneralization } from "./shared/generalize.ts";

export default defineStage({
  async run(context) {
    const etas = (context.params as { readonly etas?: unknown } | null)?.etas;
    if (!Array.isArray(etas)) throw new StageError(`param 'etas' must be a list of learning rates, it is ${etas}`);
    const both = (dep: string, more: string) =>
      [...context.depAll(dep), ...context.depAll(more)].filter(({ instance }) => etas.includes(instance.eta));
    writeGeneralization(context, {
      models: both("models", "moreModels"),
      spectra: both("spectra", "moreSpectra"),
      vectors: both("vectors", "moreVectors"),
    });
  },
});
