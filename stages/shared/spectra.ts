import { writeSafetensors } from "../../src/formats/safetensors.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { Objective } from "../../src/numerics/objective.ts";
import { type Checkpoint, trackSpectrum } from "../../src/numerics/spectrum.ts";
import { type StageContext, StageError } from "../../src/stage.ts";
import { type Solves, solveTally } from "./solves.ts";
import { provenanceOf } from "./tables.ts";
import { metadataOf, tensorOf } from "./tensors.ts";

/** Eigenpairs at some epochs. */
export interface Spectrum {
  readonly epochs: readonly number[];
  /** `values[t][i]`, descending in i. */
  readonly values: readonly (readonly number[])[];
  /** `vectors[t][i]` is `[P]`. */
  readonly vectors: readonly (readonly FloatArray[])[];
  /** ‖Hv − λv‖ */
  readonly residuals: readonly (readonly number[])[];
  readonly solves: Solves;
}

/** The k top eigenpairs at each checkpoint, warm-started, with confirmed residuals. */
export async function computeSpectrum(
  context: StageContext,
  objective: Objective,
  checkpoints: readonly Checkpoint[],
  { k, tol }: { readonly k: number; readonly tol: number },
): Promise<Spectrum> {
  const found = [];
  const solves = solveTally({ k, tol });
  for await (const pairs of trackSpectrum(objective, checkpoints, k, { tol })) {
    if (pairs.status === "not-finite")
      throw new StageError(`the Hessian at epoch ${pairs.epoch} is not finite: the run has diverged`);
    if (pairs.status !== "converged") context.log(`epoch ${pairs.epoch}: residuals ${pairs.residuals.join(", ")}`);
    solves.add(pairs, `epoch ${pairs.epoch}`);
    found.push(pairs);
    context.progress({ done: found.length, total: checkpoints.length, unit: "spectra" });
  }
  return {
    epochs: found.map(({ epoch }) => epoch),
    values: found.map(({ values }) => values),
    vectors: found.map(({ vectors }) => vectors),
    residuals: found.map(({ residuals }) => residuals),
    solves: solves.summary(),
  };
}

export function writeSpectrum(
  context: StageContext,
  out: string,
  { epochs, values, vectors, residuals, solves }: Spectrum,
  metadata: Readonly<Record<string, string>>,
): void {
  const [count, k] = [epochs.length, values[0]!.length];
  const first = vectors[0]![0]!;
  const table = (rows: readonly (readonly number[])[]): Float64Array => Float64Array.from(rows.flat());
  writeSafetensors(
    context.out(out),
    {
      epochs: { dtype: "i32", shape: [count], data: Int32Array.from(epochs) },
      values: { dtype: "f64", shape: [count, k], data: table(values) },
      residuals: { dtype: "f64", shape: [count, k], data: table(residuals) },
      vectors: {
        dtype: first instanceof Float32Array ? "f32" : "f64",
        shape: [count, k, first.length],
        data: vectors.flat(),
      },
    },
    { ...metadata, solves: JSON.stringify(solves), provenance: JSON.stringify(provenanceOf(context)) },
  );
}

export interface StoredSpectrum {
  readonly epochs: readonly number[];
  /** The k vectors of row `row`. */
  vectorsAt(row: number): readonly FloatArray[];
}

export function openSpectrum(path: string): StoredSpectrum {
  const epochs = Array.from(tensorOf(path, "epochs", { dtype: "i32" }).data);
  return {
    epochs,
    vectorsAt(row) {
      const { shape, data } = tensorOf(path, "vectors", { rows: [row, row + 1] });
      const [, k, length] = shape as [number, number, number];
      return Array.from({ length: k }, (_, i) => data.subarray(i * length, (i + 1) * length) as FloatArray);
    },
  };
}

/** The dep `spectra`, by the snapshot that each is of. */
export function openSpectra(context: StageContext): ReadonlyMap<number, StoredSpectrum> {
  const paths = context.depAll("spectra").map(({ path }) => path);
  return new Map(paths.map((path) => [Number(metadataOf(path).snapshot), openSpectrum(path)]));
}
