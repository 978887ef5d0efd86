import type { Program } from "./program.ts";
import type { Variable } from "./variable.ts";

/** For each equation, the variables that nothing after it needs, its own output among them if nothing needs that. */
export function lastUses(program: Program): readonly (readonly Variable[])[] {
  const frees: Variable[][] = program.equations.map(() => []);
  const seen = new Set<Variable>(program.outputs);
  for (let i = program.equations.length - 1; i >= 0; i--) {
    const { inputs, output } = program.equations[i]!;
    for (const variable of [output, ...inputs]) {
      if (seen.has(variable)) continue;
      seen.add(variable);
      frees[i]!.push(variable);
    }
  }
  return frees;
}
