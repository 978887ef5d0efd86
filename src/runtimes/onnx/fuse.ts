import type { OnnxBuilder, OnnxValue } from "../../programs/lowering.ts";
import type { Program } from "../../programs/program.ts";
import type { Variable } from "../../programs/variable.ts";
import { createAffine } from "./fuse-affine.ts";
import { lowerSelection } from "./fuse-select.ts";
import { createSums } from "./fuse-sum.ts";
import { type Fusion, usesOf } from "./fusion.ts";

/**
 * Lowerings of several equations at once, for the CPU: its operators are bound by memory, so that one pass less over the
 * images is time saved. `value` lowers a variable on demand. They round as the single equations do where a replica's
 * numbers could depend on the number of replicas otherwise.
 */
export function createFusions(
  builder: OnnxBuilder,
  program: Program,
  value: (variable: Variable) => OnnxValue,
): readonly Fusion[] {
  if (builder.device !== "cpu") return [];
  const uses = usesOf(program);
  const affine = createAffine(builder, uses, value);
  const sums = createSums(builder, uses, value);
  return [(equation) => lowerSelection(builder, uses, value, equation), affine, sums];
}
