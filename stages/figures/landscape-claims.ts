/** Claims of Figures 3 and 11: what L and S look like along the gradient through a cycle (paper, section 3.3). */
import { type Claim, ruleClaim } from "../../src/figures/claims.ts";
import type { LandscapeRows, LandscapeTable } from "./cycle-tables.ts";
import { keyLines } from "./landscape-rows.ts";
import { shown } from "./shown.ts";

const SOURCE = "paper, section 3.3 and Figure 3";

type Quantity = "loss" | "sharpness";

export function figure3Claims(table: LandscapeTable): Claim[] {
  const { keys, cycle, threshold } = table;
  const at = (key: keyof LandscapeTable["keys"]): LandscapeRows =>
    table.lines.find(({ epoch }) => epoch === keys[key]) ?? table.lines[0]!;
  const [stable, crossing, developed, peak, after] = [
    at("stable"),
    at("crossing"),
    at("developed"),
    at("peak"),
    at("after"),
  ] as const;
  const slope = slopeOf(crossing, "sharpness");
  // Two lines are compared over one width, since S has kinks: its curvature depends on it.
  const width = commonWidth([peak, after]);
  const [before, later] = [variation(peak, "sharpness", width), variation(after, "sharpness", width)];
  return [
    ruleClaim({
      id: "cycle",
      statement: "The cycle goes from stability to instability and back to stability.",
      source: SOURCE,
      paper: "epochs 119 to 158, S crosses 2/η at 131",
      ours: `epochs ${cycle.start} to ${cycle.end}, S crosses 2/η at ${cycle.crossing}, L peaks at ${cycle.peak}`,
      rule: "S is at most 2/η at the first and the last epoch and above it at the peak",
      holds: centre(stable, "sharpness") <= threshold && centre(peak, "sharpness") > threshold && isBack(after),
    }),
    ruleClaim({
      id: "progressive-sharpening-below",
      statement: "While S < 2/η, S rises and L decreases.",
      source: SOURCE,
      paper: "a steady increase in S while L decreases",
      ours: `S ${arrow(stable, crossing, "sharpness")}, L ${arrow(stable, crossing, "loss")} from epoch ${stable.epoch} to ${crossing.epoch}`,
      rule: "from the cycle's first epoch to the crossing S rises and L falls",
      holds:
        centre(crossing, "sharpness") > centre(stable, "sharpness") &&
        centre(crossing, "loss") < centre(stable, "loss"),
    }),
    ruleClaim({
      id: "sharpens-along-descent",
      statement: "Where S crosses 2/η, it rises in the direction of descent.",
      source: "paper, section 3.3 and appendix G",
      paper: "progressive sharpening",
      ours: `slope of S along −g ${shown(-slope)} at epoch ${crossing.epoch}`,
      rule: "where S crosses 2/η, the slope of S along −g is positive",
      holds: slope < 0,
    }),
    ruleClaim({
      id: "parameters-grow",
      statement: "Above 2/η the steps grow until the loss peaks.",
      source: SOURCE,
      paper: "parameter growth forces the model to explore wider ridges",
      ours: [crossing, developed, peak].map((line) => `η‖g‖ ${shown(step(line))} at ${line.epoch}`).join(", "),
      rule: "η‖g‖ grows from the crossing over the developed instability to the peak of L",
      holds: step(crossing) < step(developed) && step(developed) < step(peak),
    }),
    ruleClaim({
      id: "flatter-after-the-peak",
      statement: "After the peak the curve of S is flatter.",
      source: SOURCE,
      paper: "a flatter curve is found, which outweighs the larger steps",
      ours: `S varies by ${shown(before)} within ±${shown(width)} at epoch ${peak.epoch}, by ${shown(later)} at ${after.epoch}`,
      rule: "over the same distance to both sides, the largest less the smallest S is less after the peak than at it",
      holds: later < before,
      note: `It is the whole curve that is flatter: at the peak the parameters are on its slope, and the mean rise to both sides is ${shown(rise(peak, "sharpness", width))} there and ${shown(rise(after, "sharpness", width))} after.`,
    }),
  ];

  function step(line: LandscapeRows): number {
    return table.eta * line.gradientNorm;
  }

  // A cycle that the run's end cuts off does not come back.
  function isBack(line: LandscapeRows): boolean {
    return centre(line, "sharpness") <= threshold;
  }
}

export function figure11Claims(table: LandscapeTable): Claim[] {
  const { lines, keys, threshold } = table;
  const between = lines.filter(({ epoch }) => epoch > keys.crossing && epoch <= keys.developed);
  const curvatures = between.map((line) => curvature(line));
  const spread = Math.max(...curvatures) / Math.min(...curvatures);
  const unstable = lines.filter((line) => centre(line, "sharpness") > threshold);
  const valley = unstable.filter(({ rows }) => rows[0]!.sharpness > centre({ rows }, "sharpness"));
  return [
    ruleClaim({
      id: "every-epoch-of-the-cycle",
      statement: "The landscapes cover the cycle.",
      source: "paper, appendix H and Figure 11",
      paper: "epoch by epoch",
      ours: `${lines.length} epochs from ${lines[0]!.epoch} to ${lines.at(-1)!.epoch}`,
      rule: "all key epochs of Figure 3 are among them",
      holds: keyLines(keys, lines).length === new Set(Object.values(keys)).size,
    }),
    ruleClaim({
      id: "curvature-roughly-constant",
      statement:
        "Above 2/η, until shortly before the peak, the curvature of L along the gradient stays roughly constant.",
      source: SOURCE,
      paper: "remains largely constant",
      ours:
        between.length < 2
          ? undefined
          : `${shown(Math.min(...curvatures))} to ${shown(Math.max(...curvatures))} at ${between.length} epochs from ${between[0]!.epoch} to ${between.at(-1)!.epoch}`,
      rule: "over a step's length, the largest curvature is at most twice the smallest",
      holds: spread <= 2,
    }),
    ruleClaim({
      id: "valley-of-sharpness",
      statement: "In unstable epochs the sharpness is higher towards the periphery on the far side of the valley.",
      source: "paper, caption of Figure 3",
      paper: "growth leads to the peripheries, driving up L and S",
      ours: `${valley.length} of ${unstable.length} unstable epochs`,
      rule: "S at the line's end in the direction of descent exceeds S at the current parameters in most unstable epochs",
      holds: valley.length > unstable.length / 2,
    }),
  ];

  /** Second difference of L over one step to both sides. */
  function curvature(line: LandscapeRows): number {
    const width = table.eta * line.gradientNorm;
    return (2 * rise(line, "loss", width)) / width ** 2;
  }
}

function centre({ rows }: Pick<LandscapeRows, "rows">, quantity: Quantity): number {
  return rows[(rows.length - 1) / 2]![quantity];
}

/** The value at x, linear between points. */
function interpolate({ rows }: LandscapeRows, quantity: Quantity, x: number): number {
  const right = Math.max(
    1,
    rows.findIndex(({ offset }) => offset >= x),
  );
  const [a, b] = [rows[right - 1]!, rows[right]!];
  return a[quantity] + ((b[quantity] - a[quantity]) * (x - a.offset)) / (b.offset - a.offset);
}

/** By how much a quantity is higher at ±width than at θ, on average of both sides. */
function rise(line: LandscapeRows, quantity: Quantity, width: number): number {
  return (interpolate(line, quantity, width) + interpolate(line, quantity, -width)) / 2 - centre(line, quantity);
}

/** Half the shortest reach of some lines, or the widest spacing of their points if that is more. */
function commonWidth(lines: readonly LandscapeRows[]): number {
  const reach = Math.min(...lines.map(({ rows }) => rows.at(-1)!.offset));
  const spacing = Math.max(...lines.map(({ rows }) => rows[1]!.offset - rows[0]!.offset));
  return Math.max(reach / 2, spacing);
}

/** The largest less the smallest value from −width to width. */
function variation(line: LandscapeRows, quantity: Quantity, width: number): number {
  const inner = line.rows.filter(({ offset }) => Math.abs(offset) <= width).map((row) => row[quantity]);
  const values = [...inner, interpolate(line, quantity, -width), interpolate(line, quantity, width)];
  return Math.max(...values) - Math.min(...values);
}

/** Central difference at θ. */
function slopeOf({ rows }: LandscapeRows, quantity: Quantity): number {
  const middle = (rows.length - 1) / 2;
  const [left, right] = [rows[middle - 1]!, rows[middle + 1]!];
  return (right[quantity] - left[quantity]) / (right.offset - left.offset);
}

function arrow(from: LandscapeRows, to: LandscapeRows, quantity: Quantity): string {
  return `${shown(centre(from, quantity))} → ${shown(centre(to, quantity))}`;
}
