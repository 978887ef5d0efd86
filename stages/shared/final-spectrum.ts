import { writeSafetensors } from "../../src/formats/safetensors.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { initialise } from "../../src/numerics/networks.ts";
import type { CurvatureObjective, HessianProducts } from "../../src/numerics/objective.ts";
import { nestedSimilarities } from "../../src/numerics/similarity.ts";
import { hessianEigenpairs } from "../../src/numerics/spectrum.ts";
import type { TopEigenpairs } from "../../src/numerics/top-eigenpairs.ts";
import type { StageContext } from "../../src/stage.ts";
import { recordedProducts } from "./recorded-products.ts";
import { solveTally } from "./solves.ts";
import { provenanceOf, writeTable } from "./tables.ts";

export interface SpectrumParams {
  readonly k: number;
  readonly tol: number;
}

/** Eigenpairs at initialisation, which are the same for all models of an objective and a seed: computed once in a process. */
export type InitialSpectra = (
  objective: CurvatureObjective,
  seed: number,
  params: SpectrumParams,
  products: HessianProducts,
) => Promise<TopEigenpairs>;

export function createInitialSpectra(): InitialSpectra {
  const ofObjective = new Map<CurvatureObjective, Map<string, Promise<TopEigenpairs>>>();
  return (objective, seed, { k, tol }, products) => {
    const known = ofObjective.get(objective) ?? new Map<string, Promise<TopEigenpairs>>();
    ofObjective.set(objective, known);
    const name = `${seed} ${k} ${tol}`;
    const found = known.get(name) ?? hessianEigenpairs(products, initialise(objective.network, seed), k, { tol });
    known.set(name, found);
    return found;
  };
}

/** θ `[P]` of a model at half of its training and at the end; undefined where it was not completed. */
export type ModelThetas = { readonly midpoint: FloatArray; readonly final: FloatArray } | undefined;

/**
 * Writes a model's outs `table` (schema `model-spectrum`) and `vectors`: how sharp it is at the end, and how far its sharpest
 * eigenvectors turned on the way (the paper's ρ). In a stage with `resume: true` it goes on where it was killed.
 */
export async function writeFinalSpectrum(
  context: StageContext,
  objective: CurvatureObjective,
  about: { readonly eta: number; readonly seed: number },
  thetas: ModelThetas,
  initial: InitialSpectra,
  { k, tol }: SpectrumParams,
): Promise<void> {
  const solves = solveTally({ k, tol });
  if (thetas === undefined) {
    // The figures compare models that know their training set; where training did not end so there is nothing to compare.
    const none = { values: [], residuals: [], matvecs: 0, similarity: null };
    writeTable(context, "table", { ...about, k, ...none, solves: solves.summary() }, objective);
    return writeVectors(context, objective, []);
  }
  const products = recordedProducts(context, objective);
  const told = (done: number): void => context.progress({ done, total: 3, unit: "spectra" });
  const end = await hessianEigenpairs(products, thetas.final, k, { tol });
  told(1);
  const middle = await hessianEigenpairs(products, thetas.midpoint, k, { tol, warmStart: end.restartVectors });
  told(2);
  const start = await initial(objective, about.seed, { k, tol }, products);
  told(3);
  for (const [where, pairs] of Object.entries({ start, middle, end })) {
    solves.add(pairs, where);
    if (pairs.status !== "converged") context.log(`${where}: ${pairs.status}, residuals ${pairs.residuals.join(", ")}`);
  }
  const table = {
    ...about,
    k,
    values: end.values,
    residuals: end.residuals.map((residual) => residual / Math.abs(end.values[0]!)),
    matvecs: middle.numMatvecs + end.numMatvecs,
    similarity: {
      first: nestedSimilarities(start.vectors, end.vectors),
      midpoint: nestedSimilarities(middle.vectors, end.vectors),
    },
    solves: solves.summary(),
  };
  writeTable(context, "table", table, objective);
  return writeVectors(context, objective, end.vectors);
}

function writeVectors(context: StageContext, objective: CurvatureObjective, vectors: readonly FloatArray[]): void {
  writeSafetensors(
    context.out("vectors"),
    { vectors: { dtype: objective.float, shape: [vectors.length, objective.numParams], data: vectors } },
    { provenance: JSON.stringify(provenanceOf(context, objective)) },
  );
}
