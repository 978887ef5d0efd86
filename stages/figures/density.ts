/** What is drawn of the whole spectrum of the Hessian. */
import type { Rows } from "../../src/figures/compile.ts";
import {
  deflate,
  type Estimate,
  type Quadrature,
  spectralDensity,
  spectralMean,
} from "../../src/numerics/spectral-density.ts";
import type { DensityTable, TraceTable } from "./curvature-tables.ts";

export interface DensityTables {
  readonly density: DensityTable;
  readonly trace: TraceTable;
}

/** Points of a curve for each standard deviation of its Gaussians. */
const RESOLUTION = 3;
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
  const steps = Math.ceil((RESOLUTION * (to - from)) / width);
  const points = Array.from({ length: steps + 1 }, (_, i) => from + ((to - from) * i) / steps);
  const floor = FLOOR / (parameters * width * Math.sqrt(2 * Math.PI));
  const known = rows.map((row) => ({
    ...row,
    moment: { moment: `epoch ${row.epoch}, ${MOMENTS[row.role]}`, order: ROLES.indexOf(row.role) },
    probes: row.quadratures.map((probe) => deflate(probe, parameters, RESOLVED)),
  }));
  return {
    spectrum: known.flatMap(({ moment, probes }) => [
      ...curveOf(spectralDensity(probes, points, width), points, floor).map((row) => ({ ...moment, ...row })),
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

/** A curve with its band, cut off at the floor, without the points in the middle of straight lines there. */
function curveOf(density: readonly Estimate[], points: readonly number[], floor: number) {
  const rows = density.map(({ value, error }, i) => ({
    kind: "density",
    eigenvalue: points[i]!,
    density: Math.max(value, floor),
    low: Math.max(value - error, floor),
    high: Math.max(value + error, floor),
  }));
  const isFloor = (i: number): boolean => rows[i]?.high === floor;
  return rows.filter((_, i) => !(isFloor(i - 1) && isFloor(i) && isFloor(i + 1)));
}

/** The eigenvalues outside of the bulk around zero that a probe found exactly. */
function resolved({ nodes, residuals }: Quadrature, bulk: number): number[] {
  const bound = RESOLVED * Math.max(...nodes.map(Math.abs));
  const open = residuals.flatMap((residual, i) => (residual <= bound ? [] : [i]));
  const [first, last] = [open[0] ?? nodes.length, open.at(-1) ?? -1];
  return nodes.filter((node, i) => (i < first || i > last) && Math.abs(node) > bulk);
}

const bar = (trace: number, error: number) => ({ trace, low: trace - error, high: trace + error });
