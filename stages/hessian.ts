/** The sharpest eigenvectors of the Hessian at every epoch of one instability. */
import { defineStage } from "../src/stage.ts";
import type { InstabilitiesTable } from "./figures/mlp-tables.ts";
import { inTurn } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { computeSpectrum, writeSpectrum } from "./shared/spectra.ts";
import { readTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

export default defineStage(
  inTurn(async (context, objectives) => {
    const { network, snapshot, k, tol } = paramsOf(context, {
      network: "sizes",
      snapshot: "count",
      k: "count",
      tol: "number",
    });
    const { eta, snapshots } = readTable<InstabilitiesTable>(context, "instabilities");
    const { baseline, end } = snapshots[snapshot]!;
    const trajectory = openTrajectory(context.dep("checkpoints").path);
    const wanted = trajectory.epochs.filter((epoch) => epoch >= baseline && epoch <= end);
    const objective = await objectives(context, network);
    const spectrum = await computeSpectrum(context, objective, [...trajectory.checkpoints(wanted)], { k, tol });
    context.log(`epochs ${baseline} to ${end}: ${wanted.length} spectra`);
    writeSpectrum(context, "spectrum", spectrum, { eta: String(eta), snapshot: String(snapshot) });
  }),
);
