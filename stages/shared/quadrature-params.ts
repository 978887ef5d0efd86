import { type StageContext, StageError } from "../../src/stage.ts";
import { paramsOf } from "./params.ts";

/** Params `probes` and `steps` of stages that look at a whole spectrum: an error is known of two probes or more. */
export function quadratureParams(context: StageContext): { readonly probes: number; readonly steps: number } {
  const { probes, steps } = paramsOf(context, { probes: "count", steps: "count" });
  if (probes < 2 || steps < 2)
    throw new StageError(
      `${probes} probes of ${steps} steps give no density with its error`,
      "give two or more of each",
    );
  return { probes, steps };
}
