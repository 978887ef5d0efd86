import { readdirSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import type { Environment } from "./environment.ts";
import type { Budget } from "./resources.ts";

/** What `--resource` says of the machine, as far as it says something. */
export type Declared = Partial<Pick<Budget, "memory" | "gpus">>;

/** The budget of a run: `--jobs`, and of the rest what is declared, else what is found. */
export function budgetOf(jobs: number, declared: Declared, environment: Environment): Budget {
  return {
    cpu: Math.max(1, jobs),
    memory: declared.memory ?? usableMemory(),
    gpus: declared.gpus ?? listIn(environment.PIPELINE_GPUS) ?? listIn(environment.CUDA_VISIBLE_DEVICES) ?? findGpus(),
  };
}

/** `0,1` → `["0", "1"]`; an empty value is an empty list, an unset one says nothing. */
export function listIn(value: string | undefined): string[] | undefined {
  const ids = value?.split(",").map((id) => id.trim());
  return ids && [...new Set(ids.filter((id) => id !== "" && id !== "-1"))];
}

/**
 * The processor's name. Libraries of numerics choose their kernels by it, and promise nothing across models: it is what
 * to look at when two machines of the same facts differ.
 */
export function processorName(): string | undefined {
  processor ??= cpus()[0]?.model.replace(/\s+/g, " ").trim() ?? "";
  return processor === "" || processor === "unknown" ? undefined : processor;
}
let processor: string | undefined;

/** A container may use less than the machine has. */
function usableMemory(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** NVIDIA's devices as CUDA numbers them, else the render nodes of other GPUs. */
function findGpus(): string[] {
  let devices: string[];
  try {
    devices = readdirSync("/dev");
  } catch {
    return [];
  }
  const count = devices.filter((name) => /^nvidia\d+$/.test(name)).length;
  if (count > 0) return Array.from({ length: count }, (_, index) => String(index));
  try {
    return readdirSync("/dev/dri").filter((name) => name.startsWith("renderD"));
  } catch {
    return [];
  }
}
