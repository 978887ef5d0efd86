/** Figure 10's claims: instabilities come from steps along unstable directions (paper, appendix G). */
import { type Claim, ruleClaim } from "../../src/figures/claims.ts";
import type { UnstableTable } from "./cycle-tables.ts";
import { shown } from "./shown.ts";
import { mean, median } from "./statistics.ts";

const SOURCE = "paper, appendix G and Figure 10";
const INDEPENDENT = "an independent run in JAX";

type Update = UnstableTable["update"];

export function figure10Claims(tables: readonly UnstableTable[]): Claim[] {
  const of = (update: Update): readonly UnstableTable[] => tables.filter((table) => table.update === update);
  const [frozen, reduced, only, sharpest, plain] = [
    of("frozen"),
    of("reduced"),
    of("only"),
    of("sharpest"),
    of("plain"),
  ] as const;
  const flows = new Map(of("flow").map((table) => [table.snapshot, table]));
  const said = (list: readonly UnstableTable[], text: (table: UnstableTable) => string): string | undefined =>
    list.length === 0 ? undefined : list.map(text).join("; ");
  const deviations = (list: readonly UnstableTable[]) =>
    list.flatMap((table) => {
      const flow = flows.get(table.snapshot);
      return flow === undefined ? [] : [median(deviation(table, flow))];
    });
  const [apartFrozen, apartReduced] = [deviations(frozen), deviations(reduced)];
  return [
    ruleClaim({
      id: "frozen-grows-smoothly",
      statement: "With ηᵤ = 0 the sharpness grows smoothly past 2/η, without spikes.",
      source: `${SOURCE}; ${INDEPENDENT}`,
      paper: "smooth growth, 38 → 85",
      ours: said(frozen, (table) => `${ends(table)}, largest fall in an epoch ${percent(largestFall(table))}`),
      rule: "S ends above 2/η and above its beginning, and never falls by more than 5 % in an epoch",
      holds: frozen.every((table) => {
        const [from, to] = endsOf(table);
        return to > table.threshold && to > from && largestFall(table) <= 0.05;
      }),
    }),
    ruleClaim({
      id: "frozen-loss-falls",
      statement: "With ηᵤ = 0 the loss falls steadily.",
      source: SOURCE,
      paper: "stable training",
      ours: said(frozen, (table) => `L ${shown(table.rows[0]!.loss)} → ${shown(table.rows.at(-1)!.loss)}`),
      rule: "L rises in none of the epochs",
      holds: frozen.every((table) => lossRises(table) === 0),
    }),
    ruleClaim({
      id: "frozen-follows-the-flow",
      statement: "With ηᵤ = 0, S follows what it does under globally small learning rates: gradient flow.",
      source: SOURCE,
      paper: "a trajectory similar to that under a globally small learning rate",
      ours: apartFrozen.length === 0 ? undefined : apartFrozen.map(percent).join("; "),
      rule: "the median of |S/S of the flow − 1| is at most 10 %",
      holds: apartFrozen.every((apart) => apart <= 0.1),
      note: "Where oscillation has begun, ηᵤ = 0 holds the parameters beside the valley's floor, to which the flow returns: S then grows alongside, at a higher level.",
    }),
    ruleClaim({
      id: "reduced-follows-the-flow",
      statement: "With ηᵤ = 1/S, which is stable, S follows gradient flow.",
      source: `${SOURCE}; ${INDEPENDENT}`,
      paper: "45.7, 48.8, 50.5, 53.0 against the flow's 45.8, 48.4, 50.6, 52.5",
      ours:
        apartReduced.length === 0
          ? undefined
          : said(reduced, (table) => samples(table, flows.get(table.snapshot)))?.concat(
              `: median ${apartReduced.map(percent).join("; ")}`,
            ),
      rule: "the median of |S/S of the flow − 1| is at most 5 %",
      holds: apartReduced.every((apart) => apart <= 0.05),
    }),
    ruleClaim({
      id: "plain-is-unstable",
      statement: "Gradient descent from the same parameters goes through the instability.",
      source: SOURCE,
      paper: "spikes of L and S",
      ours: said(plain, (table) => `L rises in ${percent(lossRises(table))} of the epochs`),
      rule: "L rises in some epochs, and S ends below the flow's",
      holds: plain.every((table) => {
        const flow = flows.get(table.snapshot);
        return lossRises(table) > 0 && (flow === undefined || endsOf(flow)[1] > endsOf(table)[1]);
      }),
    }),
    ruleClaim({
      id: "sharpest-oscillates",
      statement: "Steps along the sharpest eigenvectors alone bring oscillations back.",
      source: SOURCE,
      paper: "unstable oscillations are re-introduced",
      ours: said(
        sharpest,
        (table) => `S turns in ${percent(turns(table))} of the epochs, mean S/(2/η) ${level(table)}`,
      ),
      rule: "S turns from rising to falling or back in at least a third of the epochs, in every snapshot",
      holds: sharpest.every((table) => turns(table) >= 1 / 3),
    }),
    ruleClaim({
      id: "unstable-only-changes-the-run",
      statement: "Steps along the unstable directions alone change the trajectory of S significantly.",
      source: SOURCE,
      paper: "the trajectory of S significantly changes",
      ours: said(only, (table) => `${ends(table)}, flow ${flowEnd(flows.get(table.snapshot))}`),
      rule: "S does not sharpen as gradient flow does: it ends at most at 75 % of the flow's S",
      holds: only.every((table) => {
        const flow = flows.get(table.snapshot);
        return flow !== undefined && endsOf(table)[1] <= 0.75 * endsOf(flow)[1];
      }),
      note: "With no step beside them, the unstable directions lose their instability and then nothing moves: the run can end just below 2/η.",
    }),
  ];
}

function sharpnessOf({ rows }: UnstableTable): number[] {
  return rows.map(({ values }) => values[0]!);
}

function endsOf(table: UnstableTable): readonly [number, number] {
  const values = sharpnessOf(table);
  return [values[0]!, values.at(-1)!];
}

function ends(table: UnstableTable): string {
  return endsOf(table).map(shown).join(" → ");
}

function flowEnd(flow: UnstableTable | undefined): string {
  return flow === undefined ? "not computed" : shown(endsOf(flow)[1]);
}

/** Relative to S before. */
function largestFall(table: UnstableTable): number {
  const values = sharpnessOf(table);
  return Math.max(0, ...values.slice(1).map((value, i) => 1 - value / values[i]!));
}

/** Share of the epochs in which L rises, beyond float32's roundings. */
function lossRises({ rows }: UnstableTable): number {
  return rows.slice(1).filter(({ loss }, i) => loss > rows[i]!.loss * (1 + 1e-5)).length / (rows.length - 1);
}

/** Share of the inner epochs at which S has an extreme. */
function turns(table: UnstableTable): number {
  const values = sharpnessOf(table);
  const inner = values.slice(1, -1);
  return inner.filter((value, i) => (value - values[i]!) * (values[i + 2]! - value) < 0).length / inner.length;
}

function level(table: UnstableTable): string {
  return shown(mean(sharpnessOf(table).map((value) => value / table.threshold)));
}

/** |S/S of the flow − 1| at the epochs that both have. */
function deviation(table: UnstableTable, flow: UnstableTable): number[] {
  return table.rows.flatMap(({ epoch, values }) => {
    const other = flow.rows.find((row) => row.epoch === epoch)?.values[0];
    return other === undefined ? [] : [Math.abs(values[0]! / other - 1)];
  });
}

/** Four values of S, at thirds of the way, beside the flow's. */
function samples(table: UnstableTable, flow: UnstableTable | undefined): string {
  const at = [0, 1, 2, 3].map((i) => Math.round((i * (table.rows.length - 1)) / 3));
  const of = (values: readonly number[]): string => at.map((i) => shown(values[i] ?? Number.NaN)).join(", ");
  return `${of(sharpnessOf(table))} against ${of(flow === undefined ? [] : sharpnessOf(flow))}`;
}

function percent(share: number): string {
  return `${shown(100 * share)} %`;
}
