/** What is drawn of the whole spectrum of the Hessian. */
import type { Rows } from "../../src/figures/compile.ts";
import { deflate, type Quadrature, spectralDensity, spectralMean } from "../../src/numerics/spectral-density.ts";
import type { DensityTable, TraceTable } from "./curvature-tables.ts";

export interface DensityTables {
  readonly density: DensityTable;
  readonly trace: TraceTable;
}

/** Points of each curve. */
const POINTS = 400;
/** A Ritz value with a residual of at most this much of max|λ| is an eigenvalue. */
const RESOLVED = 1e-4;
/** How much of what one eigenvalue makes is drawn: half a decade. */
const FLOOR = 0.3;

const MOMENTS = {
  initial: "at initialisation",
  before: "before the instability",
  peak: "at the peak of its loss",
  after: "once it is over",
  last: "the run's last",
} as const;

const ROLES = Object.keys(MOMENTS);

/** `width`: standard deviation of the Gaussian that an eigenvalue is broadened to. */
export function densityData({ density, trace }: DensityTables, width: number): Record<string, Rows> {
  const { rows, parameters, threshold } = density;
  const nodes = rows.flatMap(({ quadratures }) => quadratures.flatMap((probe) => probe.nodes));
  const [from, to] = [Math.min(...nodes) - 4 * width, Math.max(threshold, ...nodes) + 4 * width];
  const points = Array.from({ length: POINTS }, (_, i) => from + ((to - from) * i) / (POINTS - 1));
  const floor = FLOOR / (parameters * width * Math.sqrt(2 * Math.PI));
  const known = rows.map((row) => ({
    ...row,
    moment: { moment: `epoch ${row.epoch}, ${MOMENTS[row.role]}`, order: ROLES.indexOf(row.role) },
    probes: row.quadratures.map((probe) => deflate(probe, parameters, RESOLVED)),
  }));
  return {
    spectrum: known.flatMap(({ moment, probes }) => [
      ...spectralDensity(probes, points, width).map(({ value, error }, i) => ({
        ...moment,
        kind: "density",
        eigenvalue: points[i]!,
        density: Math.max(value, floor),
        low: Math.max(value - error, floor),
        high: Math.max(value + error, floor),
      })),
      ...resolved(probes[0]!, 2 * width).map((eigenvalue) => ({ ...moment, kind: "eigenvalue", eigenvalue })),
    ]),
    threshold: [{ eigenvalue: threshold, label: "2/η" }],
    moments: rows.map(({ epoch }) => ({ epoch })),
    trace: trace.rows.map((row) => ({ epoch: row.epoch, ...bar(row.trace, row.traceError) })),
    quadrature: known.map(({ epoch, probes }) => {
      const { value, error } = spectralMean(probes, (eigenvalue) => eigenvalue);
      return { epoch, ...bar(parameters * value, parameters * error) };
    }),
  };
}

/** The eigenvalues outside of the bulk around zero that a probe found exactly. */
function resolved({ nodes, residuals }: Quadrature, bulk: number): number[] {
  const bound = RESOLVED * Math.max(...nodes.map(Math.abs));
  const open = residuals.flatMap((residual, i) => (residual <= bound ? [] : [i]));
  const [first, last] = [open[0] ?? nodes.length, open.at(-1) ?? -1];
  return nodes.filter((node, i) => (i < first || i > last) && Math.abs(node) > bulk);
}

const bar = (trace: number, error: number) => ({ trace, low: trace - error, high: trace + error });
