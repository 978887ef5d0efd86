/** One instability again from a checkpoint inside it, with a smaller learning rate: how the eigenvectors turn then. */
import type { FloatArray } from "../src/numerics/float-array.ts";
import { gradientDescent } from "../src/numerics/gradient-descent.ts";
import { defineStage } from "../src/stage.ts";
import type { InstabilitiesTable } from "./figures/mlp-tables.ts";
import { inTurn } from "./shared/objective.ts";
import { paramsOf } from "./shared/params.ts";
import { computeSpectrum, writeSpectrum } from "./shared/spectra.ts";
import { finiteOrNull, readTable, writeTable } from "./shared/tables.ts";
import { openTrajectory } from "./shared/tensors.ts";

export default defineStage(
  inTurn(async (context, objectives) => {
    const { network, snapshot, timing, factor, epochs, k, tol } = paramsOf(context, {
      network: "sizes",
      snapshot: "count",
      timing: "number",
      factor: "number",
      epochs: "count",
      k: "count",
      tol: "number",
    });
    const { eta, period, snapshots } = readTable<InstabilitiesTable>(context, "instabilities");
    const { baseline, peak } = snapshots[snapshot]!;
    // A whole number of periods after the baseline, so that the spectra can be compared with its.
    const start = baseline + period * Math.round((timing * (peak - baseline)) / period);
    const trajectory = openTrajectory(context.dep("checkpoints").path);
    const objective = await objectives(context, network);
    const thetas = new Map<number, FloatArray>();
    const isCompared = (epoch: number): boolean => (epoch - start) % period === 0;
    const [run] = await gradientDescent(objective, [{ theta: trajectory.at(start), rate: factor * eta }], {
      epochs,
      firstEpoch: start,
      isCheckpoint: isCompared,
      onCheckpoint: (_, epoch, theta) => {
        thetas.set(epoch, theta);
      },
    });
    const checkpoints = [...thetas].map(([epoch, theta]) => ({ epoch, theta }));
    const spectrum = await computeSpectrum(context, objective, checkpoints, { k, tol });
    const about = { snapshot, timing, epoch: start, eta: factor * eta };
    writeSpectrum(
      context,
      "spectrum",
      spectrum,
      Object.fromEntries(Object.entries(about).map(([name, value]) => [name, String(value)])),
    );
    const rows = Array.from(run!.loss, (loss, i) => ({
      epoch: start + i,
      loss: finiteOrNull(loss),
      trainAccuracy: run!.accuracy[i]!,
      gradientNorm: finiteOrNull(run!.gradientNorm[i]!),
    }));
    const sharpness = spectrum.epochs.map((epoch, i) => ({ epoch, values: spectrum.values[i]! }));
    writeTable(context, "run", { ...about, ending: run!.ending, rows, sharpness });
  }),
);
