/** How far the sharpest eigenvectors have turned from each snapshot's baseline, with and without a reduced learning rate. */
import { individualSimilarities, subspaceSimilarity } from "../src/numerics/similarity.ts";
import { defineStage } from "../src/stage.ts";
import type { InstabilitiesTable } from "./figures/mlp-tables.ts";
import { openSpectra, openSpectrum } from "./shared/spectra.ts";
import { readTable, writeTable } from "./shared/tables.ts";
import { metadataOf } from "./shared/tensors.ts";

export default defineStage({
  async run(context) {
    const { eta, period, snapshots } = readTable<InstabilitiesTable>(context, "instabilities");
    const spectra = openSpectra(context);
    const interventions = context.depAll("interventions").map(({ path }) => ({ path, about: metadataOf(path) }));
    const total = spectra.size + interventions.length;
    let done = 0;
    const step = (): void => context.progress({ done: ++done, total, unit: "spectra" });

    let k = 0;
    const compared = snapshots.map(({ index, baseline, peak }) => {
      const spectrum = spectra.get(index)!;
      const reference = spectrum.vectorsAt(spectrum.epochs.indexOf(baseline));
      k = reference.length;
      const rows = spectrum.epochs.flatMap((epoch, row) => {
        if ((epoch - baseline) % period !== 0) return [];
        const vectors = spectrum.vectorsAt(row);
        return [
          {
            epoch,
            individual: individualSimilarities(reference, vectors),
            subspace: subspaceSimilarity(reference, vectors),
          },
        ];
      });
      step();
      return { index, baseline, peak, rows, reference };
    });

    const reduced = interventions.map(({ path, about }) => {
      const { reference } = compared.find(({ index }) => index === Number(about.snapshot))!;
      const spectrum = openSpectrum(path);
      const rows = spectrum.epochs.map((epoch, row) => ({
        epoch,
        subspace: subspaceSimilarity(reference, spectrum.vectorsAt(row)),
      }));
      step();
      return {
        snapshot: Number(about.snapshot),
        timing: Number(about.timing),
        epoch: Number(about.epoch),
        eta: Number(about.eta),
        rows,
      };
    });

    const shared = { eta, k, period };
    writeTable(context, "table", { ...shared, snapshots: compared.map(({ reference: _, ...rest }) => rest) });
    writeTable(context, "interventions", { ...shared, interventions: reduced });
  },
});
