import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  isSafetensorsFailure,
  readSafetensorsHeader,
  readTensor,
  type StoredTensor,
  writeSafetensors,
} from "../../src/formats/safetensors.ts";
import type { Json } from "../../src/stage.ts";

export type Tensors = Readonly<Record<string, StoredTensor>>;

/** Where a long computation is, for `resume: true`. */
export interface Saved {
  readonly state: Tensors;
  readonly about: Json;
  /** Checkpoints so far: what is kept of an epoch never changes. */
  readonly kept: readonly { readonly epoch: number; readonly tensors: Tensors }[];
}

export interface Resume {
  /** What was saved last; undefined to start from nothing. */
  load(): Saved | undefined;
  save(saved: Saved): void;
}

const STATE = "state.safetensors";
const keptName = (epoch: number): string => `kept-${epoch}.safetensors`;

/**
 * The state in `context.resume`, whole at any instant: each kept checkpoint is a file of its own that is written once, and
 * the state, which names them, is renamed into place after them. Without a folder nothing is saved and nothing found.
 */
export function openResume(folder: string | undefined): Resume {
  if (folder === undefined) return { load: () => undefined, save: () => {} };
  // Of this process and of the state that it has loaded: what lies there besides may be from beyond that state.
  let present = new Set<string>();
  const write = (name: string, tensors: Tensors, metadata: Readonly<Record<string, string>>): void => {
    const partial = join(folder, "partial");
    writeSafetensors(partial, tensors, metadata);
    renameSync(partial, join(folder, name));
  };
  return {
    load() {
      const stored = existsSync(join(folder, STATE)) ? readAll(join(folder, STATE)) : undefined;
      if (stored === undefined) return undefined;
      const { about, epochs } = JSON.parse(stored.metadata.saved!) as { about: Json; epochs: readonly number[] };
      const kept: Saved["kept"][number][] = [];
      for (const epoch of epochs) {
        const checkpoint = readAll(join(folder, keptName(epoch)));
        if (checkpoint === undefined) return undefined;
        kept.push({ epoch, tensors: checkpoint.tensors });
      }
      present = new Set(epochs.map(keptName));
      return { state: stored.tensors, about, kept };
    },
    save({ state, about, kept }) {
      for (const { epoch, tensors } of kept) if (!present.has(keptName(epoch))) write(keptName(epoch), tensors, {});
      const epochs = kept.map(({ epoch }) => epoch);
      write(STATE, state, { saved: JSON.stringify({ about, epochs }) });
      present = new Set(epochs.map(keptName));
      for (const name of readdirSync(folder))
        if (name.startsWith("kept-") && !present.has(name)) rmSync(join(folder, name), { force: true });
    },
  };
}

/** Undefined where the file is missing or broken: then there is nothing to go on from. */
function readAll(
  path: string,
): { readonly tensors: Tensors; readonly metadata: Readonly<Record<string, string>> } | undefined {
  const header = readSafetensorsHeader(path);
  if (isSafetensorsFailure(header)) return undefined;
  const tensors: Record<string, StoredTensor> = {};
  for (const name of Object.keys(header.tensors)) {
    const tensor = readTensor(path, name);
    if (isSafetensorsFailure(tensor)) return undefined;
    tensors[name] = tensor;
  }
  return { tensors, metadata: header.metadata };
}
