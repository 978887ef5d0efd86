/** The Hessian of a trained image network beyond its largest eigenvalues: its whole spectrum, its trace, each layer's sharpness. */
import { hessianTrace } from "../src/numerics/hessian-trace.ts";
import { layerBlocks, layerEigenpairs } from "../src/numerics/layer-blocks.ts";
import { hessianQuadrature } from "../src/numerics/spectral-density.ts";
import { defineStage, StageError } from "../src/stage.ts";
import type { ImageCurvatureTable } from "./figures/image-tables.ts";
import type { ModelRow } from "./figures/model-tables.ts";
import { imagesInTurn } from "./shared/image-objective.ts";
import { openImageTrajectory } from "./shared/image-run.ts";
import { paramsOf } from "./shared/params.ts";
import { quadratureParams } from "./shared/quadrature-params.ts";
import { recordedProducts } from "./shared/recorded-products.ts";
import { solveTally } from "./shared/solves.ts";
import { readTable, writeTable } from "./shared/tables.ts";

export default defineStage(
  imagesInTurn(
    async (context, objectives) => {
      const { matvecs, tol } = paramsOf(context, { matvecs: "count", tol: "number" });
      const { probes, steps } = quadratureParams(context);
      const { eta, seed, ending } = readTable<ModelRow>(context, "model");
      const objective = await objectives(context);
      const products = recordedProducts(context, objective);
      const solves = solveTally({ k: 1, tol });
      const about = { eta, seed, ending, threshold: 2 / eta, parameters: objective.numParams, steps };
      const write = (found: ImageCurvatureTable["found"]): void =>
        writeTable(context, "table", { ...about, found, solves: solves.summary() }, objective);
      // As in image-spectrum: models are compared that know their training set.
      if (ending.reason !== "complete") return write(null);

      const { theta } = openImageTrajectory(context.dep("checkpoints").path).at(ending.epoch);
      const told = (done: number): void => context.progress({ done, total: 3, unit: "parts" });
      const spectrum = await hessianQuadrature(products, theta, { probes, steps });
      told(1);
      const { trace, squaredNorm, rank, numMatvecs, status } = await hessianTrace(products, theta, { matvecs });
      told(2);
      if (spectrum.status === "not-finite" || status === "not-finite")
        throw new StageError(`the Hessian of the model at η = ${eta} is not finite`);
      const pairs = await layerEigenpairs({ ...products, network: objective.network }, theta, 1, { tol });
      told(3);
      for (const layer of pairs) solves.add(layer, layer.layer);
      write({
        quadratures: spectrum.quadratures,
        trace: { ...trace, rank, matvecs: numMatvecs },
        squaredNorm,
        layers: layerBlocks(objective.network).map(({ name, numParams }, i) => ({
          name,
          parameters: numParams,
          sharpness: pairs[i]!.values[0]!,
        })),
      });
    },
    () => undefined,
  ),
);
