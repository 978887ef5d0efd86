import type { Program } from "./program.ts";

/** Throws where the number of inputs is not the program's: a bug in the caller. */
export function checkCount({ inputNames }: Pick<Program, "inputNames">, given: readonly unknown[]): void {
  if (given.length !== inputNames.length)
    throw new Error(`a program of ${inputNames.length} inputs (${inputNames.join(", ")}) was given ${given.length}`);
}
