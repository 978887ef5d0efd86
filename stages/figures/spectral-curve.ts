/** How the density of a spectrum is drawn: a curve with its band, and ticks for the eigenvalues that are known. */
import {
  deflate,
  type Estimate,
  type Quadrature,
  spectralDensity,
  spectralMean,
} from "../../src/numerics/spectral-density.ts";

/** Points of a curve for each standard deviation of its Gaussians. */
const RESOLUTION = 3;
/** A Ritz value with a residual of at most this much of max|λ| is an eigenvalue. */
const RESOLVED = 1e-4;
/** How much of what one eigenvalue makes is drawn: half a decade. */
const FLOOR = 0.3;

export interface CurveOptions {
  /** Order of the operator. */
  readonly parameters: number;
  /** Standard deviation of the Gaussian that an eigenvalue is broadened to. */
  readonly width: number;
  /** What the axis shows besides all nodes: the stability threshold. */
  readonly upTo: number;
}

/** Probes as they are drawn: see `deflate`. */
export function deflated(probes: readonly Quadrature[], parameters: number): Quadrature[] {
  return probes.map((probe) => deflate(probe, parameters, RESOLVED));
}

/** Where curves are drawn that share an axis, by all of their probes. */
export function pointsOf(probes: readonly Quadrature[], { width, upTo }: CurveOptions): number[] {
  const nodes = probes.flatMap((probe) => probe.nodes);
  const [from, to] = [Math.min(...nodes) - 4 * width, Math.max(upTo, ...nodes) + 4 * width];
  const steps = Math.ceil((RESOLUTION * (to - from)) / width);
  return Array.from({ length: steps + 1 }, (_, i) => from + ((to - from) * i) / steps);
}

/** Rows of `kind` density, with the band of one standard error, and eigenvalue. `probes` are deflated. */
export function spectrumRows(
  probes: readonly Quadrature[],
  points: readonly number[],
  { parameters, width }: CurveOptions,
) {
  const floor = FLOOR / (parameters * width * Math.sqrt(2 * Math.PI));
  return [
    ...curveOf(spectralDensity(probes, points, width), points, floor),
    ...resolved(probes[0]!, 2 * width).map((eigenvalue) => ({ kind: "eigenvalue", eigenvalue })),
  ];
}

/** The trace by a quadrature, as a bar of one standard error. */
export function traceOf(probes: readonly Quadrature[], parameters: number) {
  const { value, error } = spectralMean(probes, (eigenvalue) => eigenvalue);
  return bar(parameters * value, parameters * error);
}

export const bar = (trace: number, error: number) => ({ trace, low: trace - error, high: trace + error });

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
