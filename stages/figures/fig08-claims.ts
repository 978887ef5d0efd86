/** Figure 8's claims: rotations are smooth over even periods and not over odd ones (paper, appendix E and Figure 8). */
import { type Claim, ruleClaim } from "../../src/figures/claims.ts";
import type { Period, PeriodsTable } from "./cycle-tables.ts";
import { shown } from "./shown.ts";
import { mean, median } from "./statistics.ts";

const SOURCE = "paper, Figure 8 and the appendix on ReLU networks";

export function figure8Claims({ snapshots }: PeriodsTable): Claim[] {
  const measured = snapshots.map(({ index, peak, periods }) => ({
    index,
    even: periods.filter(({ period }) => period % 2 === 0).map((of) => roughness(of, peak)),
    odd: periods.filter(({ period }) => period % 2 === 1).map((of) => roughness(of, peak)),
  }));
  const testable = measured.every(({ even, odd }) => [even, odd].every((values) => values.some(Number.isFinite)));
  const shared = { source: SOURCE, paper: "smooth for even T, not for odd" };
  return [
    ruleClaim({
      ...shared,
      id: "even-periods-are-smooth",
      statement: "Seen at even periods, the top subspace turns away smoothly.",
      ours: testable ? measured.map(({ even }) => even.map(shown).join(" ")).join("; ") : undefined,
      rule: "mean second difference of the similarity from the baseline to the peak of L is below 0.1 for every even T, in every snapshot",
      holds: measured.every(({ even }) => finite(even).every((value) => value < 0.1)),
    }),
    ruleClaim({
      ...shared,
      id: "odd-periods-are-not",
      statement: "Seen at odd periods, the top subspace jumps back and forth.",
      ours: testable ? measured.map(({ even, odd }) => `${oddOver(even, odd)} times`).join("; ") : undefined,
      rule: "in every snapshot the least mean second difference of an odd T exceeds the largest of an even T",
      holds: measured.every(({ even, odd }) => Math.min(...finite(odd)) > Math.max(...finite(even))),
      note: "A smooth curve's second difference grows as T², so that T = 1 would have the smallest.",
    }),
    ruleClaim({
      ...shared,
      id: "two-sides-of-the-valley",
      statement:
        "The epochs between are the other side of the valley: one epoch off the baseline already looks turned.",
      ours: snapshots.map((of) => neighbours(of).map(shown).join(" against ")).join("; "),
      rule: "in most snapshots the similarity one epoch after the baseline is lower than two epochs after it",
      holds: median(snapshots.map((of) => Number(neighbours(of)[0]! < neighbours(of)[1]!))) === 1,
      note: "The first snapshot begins while the oscillation is still small.",
    }),
  ];
}

/** Mean |s(t − T) − 2 s(t) + s(t + T)| up to the peak; NaN of fewer than three rows. */
function roughness({ rows }: Period, peak: number): number {
  const values = rows.filter(({ epoch }) => epoch <= peak).map(({ subspace }) => subspace);
  return mean(values.slice(1, -1).map((value, i) => Math.abs(values[i]! - 2 * value + values[i + 2]!)));
}

/** The similarities one and two epochs after the baseline. */
function neighbours({ baseline, periods }: PeriodsTable["snapshots"][number]): number[] {
  return [1, 2].map((offset) => {
    const found = periods.flatMap(({ rows }) => rows).find(({ epoch }) => epoch === baseline + offset);
    return found?.subspace ?? Number.NaN;
  });
}

function oddOver(even: readonly number[], odd: readonly number[]): string {
  return shown(Math.min(...finite(odd)) / Math.max(...finite(even)));
}

const finite = (values: readonly number[]): number[] => values.filter(Number.isFinite);
