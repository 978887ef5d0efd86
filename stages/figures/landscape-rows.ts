/** Figures 3 and 11: the landscapes' lines as rows to draw. */
import type { Rows } from "../../src/figures/compile.ts";
import type { LandscapeRows, LandscapeTable } from "./cycle-tables.ts";

const LETTERS = "abcdefghij";

const NAMES: Readonly<Record<keyof LandscapeTable["keys"], string>> = {
  stable: "stable",
  crossing: "S crosses 2/η",
  developed: "unstable",
  peak: "peak of L",
  after: "stable again",
};

/** L falls to the left: gradient descent steps to negative x. */
function positions(panel: Readonly<Record<string, unknown>>, { previous, rows }: LandscapeRows): Rows {
  const reach = rows.at(-1)!.offset;
  return [
    { ...panel, kind: "current", offset: 0 },
    ...(Math.abs(previous) <= reach ? [{ ...panel, kind: "previous", offset: previous }] : []),
  ];
}

/** One panel for each key epoch: L above, S below. */
export function figure3Data({ keys, lines, threshold }: LandscapeTable): Record<string, Rows> {
  const shown = keyLines(keys, lines);
  const panels = (quantity: "loss" | "sharpness", firstLetter: number): Rows =>
    shown.flatMap(({ name, line }, i) => {
      const panel = `${LETTERS[firstLetter + i] ?? ""}\u00a0\u00a0Epoch ${line.epoch}, ${name}`;
      return [
        ...positions({ panel }, line),
        ...(quantity === "sharpness" ? [{ panel, kind: "threshold", value: threshold }] : []),
        ...line.rows.map((row) => ({ panel, kind: "line", offset: row.offset, value: row[quantity] })),
      ];
    });
  return { loss: panels("loss", 0), sharpness: panels("sharpness", shown.length) };
}

/** Key epochs in order, once each. */
export function keyLines(
  keys: LandscapeTable["keys"],
  lines: readonly LandscapeRows[],
): { readonly name: string; readonly line: LandscapeRows }[] {
  const named = Object.entries(NAMES).map(([key, name]) => ({
    name,
    epoch: keys[key as keyof LandscapeTable["keys"]],
  }));
  return named.flatMap(({ name, epoch }, i) => {
    const line = lines.find((candidate) => candidate.epoch === epoch);
    const isAgain = named.slice(0, i).some((other) => other.epoch === epoch);
    return line === undefined || isAgain ? [] : [{ name, line }];
  });
}

/** One panel for each epoch, with L and S/(2/η) on one axis without a unit of its own. */
export function figure11Data({ lines, threshold }: LandscapeTable): Record<string, Rows> {
  return {
    lines: lines.flatMap((line) => {
      const { epoch } = line;
      return [
        ...positions({ epoch }, line),
        { epoch, kind: "threshold", value: 1 },
        ...line.rows.flatMap(({ offset, loss, sharpness }) => [
          { epoch, kind: "line", series: "L(θ)", offset, value: loss },
          { epoch, kind: "line", series: "S(θ) ⁄ (2/η)", offset, value: sharpness / threshold },
        ]),
      ];
    }),
  };
}
