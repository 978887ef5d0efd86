/** Figure 8: what is drawn of the rotations at several comparison periods. */
import type { Rows } from "../../src/figures/compile.ts";
import type { PeriodsTable } from "./cycle-tables.ts";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/** Panels of even periods, and below them those of odd ones: each facet takes one table. */
export function figure8Data({ snapshots }: PeriodsTable): Record<string, Rows> {
  const parity = (remainder: 0 | 1, firstLetter: number): Rows =>
    snapshots.flatMap(({ index, peak, periods }, i) => {
      const panel = `${LETTERS[firstLetter + i] ?? ""}\u00a0\u00a0Snapshot ${index + 1}`;
      return [
        { panel, kind: "peak", epoch: peak },
        ...periods
          .filter(({ period }) => period % 2 === remainder)
          .flatMap(({ period, rows }) =>
            rows.map(({ epoch, subspace }) => ({
              panel,
              kind: "subspace",
              series: `T = ${period}`,
              epoch,
              similarity: subspace,
            })),
          ),
      ];
    });
  return { even: parity(0, 0), odd: parity(1, snapshots.length) };
}
