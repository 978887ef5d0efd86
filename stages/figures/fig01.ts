/** Figure 1: what is drawn of the diagonal linear network, and what is claimed of it. */
import type { Rows } from "../../src/figures/compile.ts";
import { eigenpairs, gammaBeta } from "../../src/numerics/dln.ts";
import type { DlnRow, DlnTable, DlnTrajectoryTable } from "./dln-table.ts";

/** Of the four panels of the (θ₁, θ₂) plane, in px: the spec says the same, and a test holds them together. */
export const PANEL = { width: 232, height: 204 } as const;

/** By how much v₁'s component along θ₂ is drawn larger than it is, in the whole plane and in its stable corner. */
export const MAGNIFICATION = { whole: 3, corner: 25 } as const;

const GRID = { columns: 11, rows: 9 } as const;
/** Of the drawn vectors, in px: they fit their cell of the grid in any direction. */
const VECTOR_LENGTH = 15;
/** Trajectories are drawn until |Θ| is below this, where all further steps fall on one point. */
const DRAWN_PRODUCT = 0.01;
const DRAWN_STEPS = 40;
const LARGEST_ALIGNMENT = 1e4;

interface Window {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

/** The figure's named data. */
export function figure1Data(table: DlnTable): Record<string, Rows> {
  const stable = table.trajectories.filter((trajectory) => isStable(table, trajectory));
  const unstable = table.trajectories.filter((trajectory) => !isStable(table, trajectory));
  const whole = windowOf(unstable, 0.12);
  const corner = windowOf(stable, 0.12);
  return {
    ...regimes(table),
    alignment: table.trajectories.flatMap((trajectory) => alignmentRows(table, trajectory)),
    wholeContours: contours(whole, [1, 3, 10, 30, 100, 300]),
    wholeLevels: contourLabels(whole, [1, 10, 100], 0.34),
    wholeTrajectories: unstable.flatMap((trajectory) => trajectoryRows(table, trajectory)),
    wholeField: field(whole, MAGNIFICATION.whole),
    wholeVectors: unstable.flatMap((trajectory) => vectorsAlong(table, trajectory, whole, MAGNIFICATION.whole)),
    cornerContours: contours(corner, [0.01, 0.03, 0.1, 0.3, 1]),
    cornerLevels: contourLabels(corner, [0.01, 0.1, 1], 0.82),
    cornerTrajectories: stable.flatMap((trajectory) => trajectoryRows(table, trajectory)),
    cornerField: field(corner, MAGNIFICATION.corner),
    cornerVectors: stable.flatMap((trajectory) => vectorsAlong(table, trajectory, corner, MAGNIFICATION.corner)),
  };
}

export function isStable({ thresholds }: Pick<DlnTable, "thresholds">, { eta }: { readonly eta: number }): boolean {
  return eta <= thresholds.unity;
}

function labelOf(table: DlnTable, trajectory: DlnTrajectoryTable): string {
  return `η = ${trajectory.eta} (${isStable(table, trajectory) ? "stable" : "unstable"})`;
}

/** γ_β as a function of η, its thresholds and its regimes, from 0 to a quarter past the largest η. */
function regimes(table: DlnTable): Record<string, Rows> {
  const { start, thresholds, trajectories } = table;
  const end = 1.25 * Math.max(thresholds.unity, ...trajectories.map(({ eta }) => eta));
  const [asymptote] = thresholds.asymptotes;
  const curve = Array.from({ length: 401 }, (_, i) => (end * i) / 400)
    .filter((eta) => eta !== asymptote)
    .map((eta) => ({ eta, gamma: gammaBeta(start, eta), branch: eta < asymptote ? 0 : 1 }));
  return {
    gammaCurve: curve,
    gammaRegimes: [
      // The label of the stable regime stands right of the asymptote, which halves it.
      { from: 0, to: thresholds.unity, middle: 0.75 * thresholds.unity, regime: "stable\nγᵦ > 1" },
      { from: thresholds.unity, to: end, middle: (thresholds.unity + end) / 2, regime: "unstable\nγᵦ < 1" },
    ],
    gammaThresholds: [
      { eta: asymptote, label: "asymptote, ηz′ = θ₁/θ₂", end: "bottom" },
      { eta: thresholds.unity, label: "γᵦ = 1, ηz′ = 2/s", end: "top" },
    ],
    gammaChosen: trajectories.map((trajectory) => ({
      eta: trajectory.eta,
      gamma: trajectory.gammaBeta,
      label: labelOf(table, trajectory),
    })),
  };
}

function alignmentRows(table: DlnTable, trajectory: DlnTrajectoryTable): Rows {
  const label = labelOf(table, trajectory);
  return trajectory.rows
    .filter(({ step, alignment }) => step <= DRAWN_STEPS && alignment !== null && alignment <= LARGEST_ALIGNMENT)
    .map(({ step, alignment }) => ({ step, alignment, label }));
}

function drawn({ rows }: DlnTrajectoryTable): readonly DlnRow[] {
  return rows.filter(({ product }) => Math.abs(product) >= DRAWN_PRODUCT);
}

function trajectoryRows(table: DlnTable, trajectory: DlnTrajectoryTable): Rows {
  const label = labelOf(table, trajectory);
  return drawn(trajectory).map(({ step, theta1, theta2 }) => ({ step, theta1, theta2, label, start: step === 0 }));
}

/** The rectangle around trajectories, symmetric in θ₁, with a margin as a fraction of its size. */
function windowOf(trajectories: readonly DlnTrajectoryTable[], margin: number): Window {
  const rows = trajectories.flatMap(drawn);
  const reach = Math.max(...rows.map(({ theta1 }) => Math.abs(theta1))) * (1 + 2 * margin);
  const [low, high] = [Math.min(...rows.map((row) => row.theta2)), Math.max(...rows.map((row) => row.theta2))];
  const extra = (high - low) * margin;
  return { x: [-reach, reach], y: [low - extra, high + extra] };
}

/** L = c is |θ₁| = √c/θ₂: both branches of each level, with the window's edge beyond which L is larger. */
function contours({ x, y }: Window, levels: readonly number[]): Rows {
  const points = 33;
  return levels.flatMap((level) =>
    ([0, 1] as const).flatMap((side) =>
      Array.from({ length: points }, (_, i) => {
        const theta2 = y[0] + ((y[1] - y[0]) * i) / (points - 1);
        const theta1 = Math.min(Math.sqrt(level) / theta2, x[1]);
        return { branch: `${level} ${side}`, theta1: side === 0 ? -theta1 : theta1, theta2, edge: x[side] };
      }),
    ),
  );
}

/** `height`: where the labels begin, as a fraction of the window, chosen where no trajectory passes. */
function contourLabels({ x, y }: Window, levels: readonly number[], height: number): Rows {
  const theta2 = y[0] + height * (y[1] - y[0]);
  return levels
    .map((level) => ({ theta1: Math.sqrt(level) / theta2, theta2, label: `L = ${level}` }))
    .filter(({ theta1 }) => theta1 < x[1]);
}

/** v₁ on a grid of the window. */
function field(window: Window, magnification: number): Rows {
  const { x, y } = window;
  const rows: Rows[number][] = [];
  for (let i = 0; i < GRID.columns; i++) {
    for (let j = 0; j < GRID.rows; j++) {
      const theta1 = x[0] + ((x[1] - x[0]) * (i + 0.5)) / GRID.columns;
      const theta2 = y[0] + ((y[1] - y[0]) * (j + 0.5)) / GRID.rows;
      const [u1 = 0, u2 = 0] = eigenpairs([theta1, theta2]).vectors[0] ?? [];
      rows.push(segment(window, { theta1, theta2, u1, u2 }, magnification));
    }
  }
  return rows;
}

function vectorsAlong(table: DlnTable, trajectory: DlnTrajectoryTable, window: Window, magnification: number): Rows {
  const label = labelOf(table, trajectory);
  return drawn(trajectory).map((row) => ({ ...segment(window, row, magnification), label }));
}

/** A line of `VECTOR_LENGTH` px centred at θ in the direction (u₁, magnification·u₂) of the screen. */
function segment(
  { x, y }: Window,
  { theta1, theta2, u1, u2 }: Pick<DlnRow, "theta1" | "theta2" | "u1" | "u2">,
  magnification: number,
): Rows[number] {
  const length = Math.hypot(u1, magnification * u2);
  const dx = ((VECTOR_LENGTH / 2) * u1 * (x[1] - x[0])) / (length * PANEL.width);
  const dy = ((VECTOR_LENGTH / 2) * magnification * u2 * (y[1] - y[0])) / (length * PANEL.height);
  return { x: theta1 - dx, y: theta2 - dy, x2: theta1 + dx, y2: theta2 + dy };
}
