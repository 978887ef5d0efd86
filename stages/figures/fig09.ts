/** Figure 9: what is drawn of the phases of training. */
import type { Rows } from "../../src/figures/compile.ts";
import { type Phase, phasesOf } from "../../src/numerics/oscillation.ts";
import type { SharpeningTable } from "./cycle-tables.ts";
import { lossCurve } from "./fig02.ts";
import type { InstabilitiesTable, RunTable } from "./mlp-tables.ts";

export interface Figure9Tables {
  readonly run: RunTable;
  readonly sharpening: SharpeningTable;
  readonly instabilities: InstabilitiesTable;
}

/** How much |θ − θ*| must change between turning points. */
export const TURN = 1.5;

export function figure9Data({ run, sharpening, instabilities }: Figure9Tables): Record<string, Rows> {
  const { rows, threshold } = sharpening;
  const last = rows.at(-1)!.epoch;
  const phases = phasesIn(sharpening);
  return {
    loss: lossCurve(run, last),
    sharpness: rows.map(({ epoch, sharpness }) => ({ epoch, sharpness })),
    alpha: rows.map(({ epoch, alpha }) => ({ epoch, alpha })),
    oscillation: rows.flatMap(({ epoch, oscillation }) => (oscillation === null ? [] : [{ epoch, oscillation }])),
    growing: phases.filter(({ kind }) => kind === "growing").map(({ from, to }) => ({ from, to })),
    peaks: instabilities.snapshots.filter(({ peak }) => peak <= last).map(({ peak }) => ({ epoch: peak })),
    threshold: [{ threshold, label: "2/η" }],
    zero: [{ alpha: 0 }],
  };
}

export function phasesIn({ rows }: SharpeningTable): Phase[] {
  const inner = rows.filter(({ oscillation }) => oscillation !== null);
  const curve = { epochs: inner.map(({ epoch }) => epoch), values: inner.map(({ oscillation }) => oscillation!) };
  return phasesOf(curve, TURN);
}
