/** Figure 2: what is drawn of the MLP's instabilities. */
import type { Rows } from "../../src/figures/compile.ts";
import type { Figure2Tables, Instability, RunTable } from "./mlp-tables.ts";

/** How many epochs the left panels go on after the last snapshot. */
const MARGIN = 10;
/** How many epochs after the peak of L (or the snapshot's end, if later) reduced runs are drawn. */
const AFTERMATH = 12;
const LETTERS = "cdefghijklmnopqrstuvwxyz";

/** The figure's named data; `similarity` rows are of several kinds, since one facet takes one table. */
export function figure2Data(tables: Figure2Tables): Record<string, Rows> {
  const { run, sharpness, instabilities } = tables;
  const last = Math.max(...instabilities.snapshots.map(({ end }) => end)) + MARGIN;
  return {
    loss: lossCurve(run, last),
    sharpness: sharpness.rows
      .filter(({ epoch }) => epoch <= last)
      .map(({ epoch, values }) => ({ epoch, sharpness: values[0] })),
    threshold: [{ threshold: sharpness.threshold, label: "2/η" }],
    snapshots: instabilities.snapshots.map((snapshot, i) => ({
      from: snapshot.baseline,
      to: snapshot.end,
      middle: (snapshot.baseline + snapshot.end) / 2,
      name: String(i + 1),
    })),
    rotations: rotations(tables),
    reductions: reductions(tables),
  };
}

/** L up to an epoch, where it is finite. */
export function lossCurve({ rows }: RunTable, last: number): Rows {
  return rows.filter(({ epoch, loss }) => epoch <= last && loss !== null).map(({ epoch, loss }) => ({ epoch, loss }));
}

/** Panels c, d, e: the similarities of single eigenvectors and of the subspace. */
function rotations({ similarity, instabilities }: Figure2Tables): Rows {
  return similarity.snapshots.flatMap((snapshot, i) => {
    const panel = panelName(i, instabilities.snapshots[i]);
    return [
      { panel, kind: "peak", epoch: snapshot.peak },
      ...snapshot.rows.flatMap(({ epoch, individual, subspace }) => [
        { panel, kind: "subspace", series: `top-${similarity.k} subspace`, epoch, similarity: subspace },
        ...individual.map((value, k) => ({ panel, kind: "vector", series: vectorName(k), epoch, similarity: value })),
      ]),
    ];
  });
}

/** The panels below: the subspace again, and how it goes on where η is reduced. */
function reductions({ similarity, instabilities, interventions }: Figure2Tables): Rows {
  const count = similarity.snapshots.length;
  return similarity.snapshots.flatMap((snapshot, i) => {
    const panel = panelName(count + i, instabilities.snapshots[i]);
    const last = Math.max(instabilities.snapshots[i]?.end ?? 0, snapshot.peak + AFTERMATH);
    const own = interventions.interventions.filter((intervention) => intervention.snapshot === snapshot.index);
    return [
      { panel, kind: "peak", epoch: snapshot.peak },
      ...snapshot.rows.map(({ epoch, subspace }) => ({
        panel,
        kind: "subspace",
        series: "not reduced",
        epoch,
        similarity: subspace,
      })),
      ...own.flatMap(({ timing, rows }) =>
        rows
          .filter(({ epoch }) => epoch <= last)
          .map(({ epoch, subspace }, row) => ({
            panel,
            kind: "reduced",
            series: `${Math.round(100 * timing)} %`,
            epoch,
            similarity: subspace,
            first: row === 0,
          })),
      ),
    ];
  });
}

function panelName(index: number, snapshot: Instability | undefined): string {
  const letter = LETTERS[index] ?? "";
  return `${letter}\u00a0\u00a0${snapshot === undefined ? "" : `Snapshot ${snapshot.index + 1}`}`;
}

function vectorName(k: number): string {
  return `${["1st", "2nd", "3rd"][k] ?? `${k + 1}th`} eigenvectors`;
}
