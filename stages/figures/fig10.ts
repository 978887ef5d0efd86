/** Figure 10: what is drawn of the runs with other learning rates along unstable directions. */
import type { Rows } from "../../src/figures/compile.ts";
import type { UnstableTable } from "./cycle-tables.ts";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/** Panels in this order; gradient flow is drawn in the others. */
const PANELS: readonly { readonly update: UnstableTable["update"]; readonly title: string }[] = [
  { update: "plain", title: "ηᵤ = η" },
  { update: "frozen", title: "ηᵤ = 0" },
  { update: "reduced", title: "ηᵤ = 1/S" },
  { update: "only", title: "unstable only" },
  { update: "sharpest", title: "sharpest only" },
];

export function figure10Data(tables: readonly UnstableTable[]): Record<string, Rows> {
  const snapshots = [...new Set(tables.map(({ snapshot }) => snapshot))].sort((a, b) => a - b);
  const shown = PANELS.filter(({ update }) => tables.some((table) => table.update === update));
  let letter = 0;
  const rows = snapshots.flatMap((snapshot) => {
    const own = tables.filter((table) => table.snapshot === snapshot);
    const flow = own.find(({ update }) => update === "flow");
    return shown.flatMap(({ update, title }) => {
      const table = own.find((candidate) => candidate.update === update);
      if (table === undefined) return [];
      const panel = `${LETTERS[letter++] ?? ""}\u00a0\u00a0Snapshot ${snapshot + 1}: ${title}`;
      const last = table.start + table.rows.length - 1;
      return [
        { panel, kind: "threshold", series: "2/η", value: table.threshold },
        ...table.rows.flatMap(({ epoch, values }) =>
          values.map((value, i) => ({
            panel,
            kind: i === 0 ? "sharpness" : "eigenvalue",
            series: i === 0 ? "S = λ₁" : "next eigenvalues",
            epoch,
            value,
            order: i + 1,
          })),
        ),
        ...(flow?.rows ?? [])
          .filter(({ epoch }) => epoch >= table.start && epoch <= last)
          .map(({ epoch, values }) => ({ panel, kind: "flow", series: "S by gradient flow", epoch, value: values[0] })),
      ];
    });
  });
  return { unstable: rows };
}

/** How many panels make a row: one for each update. */
export function figure10Columns(tables: readonly UnstableTable[]): number {
  return PANELS.filter(({ update }) => tables.some((table) => table.update === update)).length;
}
