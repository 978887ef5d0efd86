import { expect } from "vitest";
import { isSafetensorsFailure, readSafetensorsHeader, readTensor } from "../../src/formats/safetensors.ts";
import { mlp } from "../../src/numerics/networks.ts";
import { makeObjective } from "../../src/numerics/objective.ts";
import type { Samples } from "../../src/numerics/samples.ts";
import { openReference } from "../../src/runtimes/reference.ts";
import type { Workspace } from "../rig/workspace.ts";

const LAYERS = [784, 32, 32, 32, 32, 10];
const UNIT_ROUNDOFF = 2 ** -24;

/**
 * Recomputes loss, gradient norm and top eigenpairs of sampled checkpoints in float64, from the written artifacts alone,
 * and compares them with what the float32 run recorded.
 */
export async function expectRecordsToBeReproduced(workspace: Workspace): Promise<void> {
  const run = table<{ rows: { epoch: number; loss: number; gradientNorm: number }[] }>("runs/eta=0.05/run.json");
  const sharpness = table<{ rows: { epoch: number; values: number[] }[] }>("runs/eta=0.05/sharpness.json");
  const objective = await makeObjective(openReference(), mlp(LAYERS), { train: samples() });
  // A dot product of n float32 terms is off by at most n·u, relative to the sum of the terms' moduli. The longest chain is a
  // row of images (784), four rows of hidden units (32 each) and the mean over 1,000 samples.
  const chain = (784 + 4 * 32 + 1000) * UNIT_ROUNDOFF;

  // Before, in and after the first instability, whose top is between epochs 32 and 44.
  for (const epoch of [0, 36, 44]) {
    const theta = row("runs/eta=0.05/checkpoints.safetensors", "theta", epoch);
    const point = await objective.linearize(theta);
    const recorded = run.rows.find((candidate) => candidate.epoch === epoch)!;
    expect(relative(recorded.loss, point.loss[0]!)).toBeLessThan(chain);
    expect(relative(recorded.gradientNorm, norm(point.grad))).toBeLessThan(chain);

    const values = sharpness.rows.find((candidate) => candidate.epoch === epoch)!.values;
    if (epoch > 0) {
      const spectrum = "spectra/snapshot=0/spectrum.safetensors";
      const vectors = row(spectrum, "vectors", epoch);
      const eigenvalues = row(spectrum, "values", epoch);
      for (let k = 0; k < 3; k++) {
        const v = vectors.subarray(k * objective.numParams, (k + 1) * objective.numParams);
        const product = await point.hvp(v);
        const lambda = eigenvalues[k]!;
        const residual = norm(product.map((value, i) => value - lambda * v[i]!));
        // Converged at a Ritz residual of 1e-4·λ₁ (params.sharpness.tol); an HVP is two gradients' worth of rounding.
        expect(residual / eigenvalues[0]!).toBeLessThan(1e-4 + 2 * chain);
        expect(relative(values[k]!, lambda)).toBeLessThan(1e-4 + 2 * chain);
      }
    }
    point.dispose();
  }
  await objective.dispose();

  function table<T>(file: string): T {
    return JSON.parse(workspace.read(`artifacts/${file}`)) as T;
  }

  /** The slice of a tensor `[T, …]` that belongs to an epoch, in float64. */
  function row(file: string, name: string, epoch: number): Float64Array {
    const epochs = tensor(file, "epochs");
    const at = epochs.indexOf(epoch);
    expect(at).toBeGreaterThanOrEqual(0);
    return tensor(file, name, [at, at + 1]);
  }

  function tensor(file: string, name: string, rows?: readonly [number, number]): Float64Array {
    const stored = readTensor(workspace.path(`artifacts/${file}`), name, rows === undefined ? {} : { rows });
    if (isSafetensorsFailure(stored)) throw new Error(stored.message);
    return Float64Array.from(stored.data);
  }

  function samples(): Samples {
    const file = workspace.path("artifacts/datasets/fmnist.safetensors");
    const header = readSafetensorsHeader(file);
    if (isSafetensorsFailure(header)) throw new Error(header.message);
    return {
      inputs: {
        dtype: "u8",
        shape: [1000, 28, 28],
        data: Uint8Array.from(tensor("datasets/fmnist.safetensors", "train.images")),
      },
      labels: Uint8Array.from(tensor("datasets/fmnist.safetensors", "train.labels")),
      normalisation: { mean: Number(header.metadata.mean), std: Number(header.metadata.std) },
    };
  }
}

const relative = (a: number, b: number): number => Math.abs(a / b - 1);

const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((total, x) => total + x * x, 0));
