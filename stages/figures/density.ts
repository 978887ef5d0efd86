/** What is drawn of the whole spectrum of the Hessian. */
import type { Rows } from "../../src/figures/compile.ts";
import type { DensityTable, TraceTable } from "./curvature-tables.ts";
import { bar, deflated, pointsOf, spectrumRows, traceOf } from "./spectral-curve.ts";

export interface DensityTables {
  readonly density: DensityTable;
  readonly trace: TraceTable;
}

const MOMENTS = {
  initial: "at initialisation",
  before: "before the instability",
  peak: "at the peak of its loss",
  after: "once it is over",
  last: "the run’s last",
} as const;

const ROLES = Object.keys(MOMENTS);

/** `width`: standard deviation of the Gaussian that an eigenvalue is broadened to. */
export function densityData({ density, trace }: DensityTables, width: number): Record<string, Rows> {
  const { rows, parameters, threshold } = density;
  const options = { parameters, width, upTo: threshold };
  const points = pointsOf(
    rows.flatMap(({ quadratures }) => quadratures),
    options,
  );
  const known = rows.map((row) => ({
    ...row,
    moment: { moment: `epoch ${row.epoch}, ${MOMENTS[row.role]}`, order: ROLES.indexOf(row.role) },
    probes: deflated(row.quadratures, parameters),
  }));
  return {
    spectrum: known.flatMap(({ moment, probes }) =>
      spectrumRows(probes, points, options).map((row) => ({ ...moment, ...row })),
    ),
    threshold: [{ eigenvalue: threshold, label: "2/η" }],
    moments: rows.map(({ epoch }) => ({ epoch })),
    trace: trace.rows.map((row) => ({ epoch: row.epoch, ...bar(row.trace, row.traceError) })),
    quadrature: known.map(({ epoch, probes }) => ({ epoch, ...traceOf(probes, parameters) })),
  };
}
