import {
  isSafetensorsFailure,
  type ReadTensorOptions,
  readSafetensorsHeader,
  readTensor,
  type SafetensorsFailure,
  type StoredTensor,
} from "../../src/formats/safetensors.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { Checkpoint } from "../../src/numerics/spectrum.ts";
import { StageError } from "../../src/stage.ts";

/** A tensor of an artifact; a broken file is an expected failure of the stage. */
export function tensorOf(path: string, name: string, options: ReadTensorOptions = {}): StoredTensor {
  return sound(readTensor(path, name, options));
}

export function metadataOf(path: string): Readonly<Record<string, string>> {
  return sound(readSafetensorsHeader(path)).metadata;
}

function sound<T extends object>(value: T | SafetensorsFailure): T {
  if (isSafetensorsFailure(value))
    throw new StageError(value.message, "remove the artifact and run the pipeline again: it is made anew");
  return value;
}

/** The checkpoints of a trajectory, read one by one. */
export interface Trajectory {
  readonly epochs: readonly number[];
  /** θ `[P]` at one of `epochs`. */
  at(epoch: number): FloatArray;
  /** Those of the wanted epochs that were recorded. */
  checkpoints(wanted: readonly number[]): Generator<Checkpoint>;
}

export function openTrajectory(path: string): Trajectory {
  const epochs = Array.from(tensorOf(path, "epochs", { dtype: "i32" }).data);
  const rows = new Map(epochs.map((epoch, row) => [epoch, row]));
  const at = (epoch: number): FloatArray => {
    const row = rows.get(epoch);
    if (row === undefined)
      throw new StageError(`${path} has no checkpoint of epoch ${epoch}, only of ${epochs[0]} to ${epochs.at(-1)}`);
    return tensorOf(path, "theta", { rows: [row, row + 1] }).data as FloatArray;
  };
  return {
    epochs,
    at,
    *checkpoints(wanted) {
      for (const epoch of wanted) if (rows.has(epoch)) yield { epoch, theta: at(epoch) };
    },
  };
}
