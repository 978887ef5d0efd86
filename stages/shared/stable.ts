import { type StageContext, StageError } from "../../src/stage.ts";
import { stabilityThreshold } from "../figures/fig05.ts";
import type { EventualSharpness } from "../figures/model-tables.ts";
import { readTables } from "./tables.ts";

/** The runs without instabilities, dep `stable`, whose largest S is the stability threshold's. */
export function readStable(context: StageContext): EventualSharpness[] {
  const runs = readTables<EventualSharpness>(context, "stable");
  if (!Number.isFinite(stabilityThreshold(runs)))
    throw new StageError(
      "the sharpness of the stable runs is not known: one of them diverged, or was never measured",
      "make the learning rate that is to be stable smaller",
    );
  return runs;
}
