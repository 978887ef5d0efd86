/** Figure 7: the paper's table of accuracies on all of CIFAR-10, ours beside it, as numbers and as a drawing. */
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import { fillSlots } from "../../src/figures/slots.ts";
import { distinct } from "./fig04.ts";
import spec from "./fig07.vl.json" with { type: "json" };
import type { BigModelTable, BigRow, Study } from "./image-tables.ts";
import { mean } from "./statistics.ts";
import { grouped, heading, isStudy } from "./studies.ts";

const study = (network: string, copies: number): Study => ({
  network,
  data: { name: "cifar-10", train: 50_000, test: 10_000, copies },
});

/** A row as the paper has it: validation accuracies in %, by `ETAS`; null: n.a. */
export interface PaperRow {
  readonly label: string;
  readonly study: Study;
  readonly percent: readonly (number | null)[];
  readonly isReduced: boolean;
}

export const ETAS: readonly number[] = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2];
/** The first learning rate at which the paper's models diverge. */
export const DIVERGED = 6.4;

export const PAPER_ROWS: Readonly<Record<BigRow, PaperRow>> = {
  "vgg19-50k": {
    label: "VGG19 on CIFAR10-50k",
    study: study("VGG19", 1),
    percent: [67.09, 68.36, 70.53, 73.41, 72.7, 73.56],
    isReduced: false,
  },
  "vgg19-500k": {
    label: "VGG19 on CIFAR10-500k",
    study: study("VGG19", 10),
    percent: [78.12, 80.63, 81.73, 82.88, 84.01, 84.07],
    isReduced: false,
  },
  "resnet20-500k": {
    label: "ResNet20 on CIFAR10-500k",
    study: study("ResNet20", 10),
    percent: [83.66, 85.62, 86.06, 86.53, 86.95, 87.32],
    isReduced: false,
  },
  "resnet20-500k-reduced-at-0.9": {
    label: "ResNet20 on CIFAR10-500k,\nη reduced at 90 % training accuracy",
    study: study("ResNet20", 10),
    percent: [null, null, 83.01, 83.52, 84.56, 84.98],
    isReduced: true,
  },
  "resnet20-500k-reduced-at-0.98": {
    label: "ResNet20 on CIFAR10-500k,\nη reduced at 98 % training accuracy",
    study: study("ResNet20", 10),
    percent: [null, null, 85.57, 85.9, 86.66, 86.92],
    isReduced: true,
  },
};

export const BIG_ROWS = Object.keys(PAPER_ROWS) as BigRow[];

export type CellState = "complete" | "incomplete" | "diverged" | "not-run";

export interface Cell {
  readonly eta: number;
  /** Validation accuracy in %; null where the paper has none. */
  readonly paper: number | null;
  /** Ours in %, the mean over seeds; null where no model was trained, or all diverged. */
  readonly ours: number | null;
  /** Models that were trained. */
  readonly seeds: number;
  /** `incomplete`: some of the seeds had not completed their training when their epochs were over. */
  readonly state: CellState;
}

/** The table as it is written: `schemas/figure-7.schema.json`. */
export interface Figure7Table {
  readonly rows: readonly {
    readonly row: BigRow;
    readonly label: string;
    /** What ours was trained with; null where nothing was run. */
    readonly study: Study | null;
    readonly isPapers: boolean;
    readonly cells: readonly Cell[];
  }[];
}

export function figure7Table(models: readonly BigModelTable[]): Figure7Table {
  const etas = distinct([...ETAS, ...models.map(({ eta }) => eta)]);
  return {
    rows: BIG_ROWS.map((row) => {
      const { label, study: papers, percent } = PAPER_ROWS[row];
      const own = models.filter((model) => model.row === row);
      const used = own[0]?.study ?? null;
      return {
        row,
        label,
        study: used,
        isPapers: used !== null && isStudy(used, papers),
        cells: etas.map((eta) => {
          const column = ETAS.indexOf(eta);
          return { eta, paper: percent[column] ?? null, ...found(own.filter((model) => model.eta === eta)) };
        }),
      };
    }),
  };
}

function found(models: readonly BigModelTable[]): Pick<Cell, "ours" | "seeds" | "state"> {
  const seeds = models.length;
  if (seeds === 0) return { ours: null, seeds, state: "not-run" };
  const values = models.flatMap(({ validationAccuracy }) => validationAccuracy ?? []);
  if (values.length === 0) return { ours: null, seeds, state: "diverged" };
  const isComplete = models.every(({ ending }) => ending.reason === "complete");
  return { ours: Number((100 * mean(values)).toFixed(2)), seeds, state: isComplete ? "complete" : "incomplete" };
}

export const NOT_RUN = "not run at this profile";

/** What stands in a cell for ours. */
export function cellText({ ours, state }: Cell): string {
  if (state === "not-run") return NOT_RUN;
  if (ours === null) return "diverged";
  return `${ours.toFixed(2)}${state === "incomplete" ? "†" : ""}`;
}

export function paperText(row: BigRow, { eta, paper }: Cell): string {
  if (paper !== null) return paper.toFixed(2);
  if (PAPER_ROWS[row].isReduced) return "n.a.";
  return eta === DIVERGED ? "diverged" : "–";
}

/** The figure's named data: a row a cell. */
export function figure7Data({ rows }: Figure7Table): Record<string, Rows> {
  return {
    cells: rows.flatMap((of) =>
      of.cells.map((cell) => ({
        label: rowLabel(of),
        eta: etaLabel(cell.eta),
        paper: paperText(of.row, cell),
        ours: cellText(cell).replace("not run at ", "not run at\n"),
        state: cell.state,
      })),
    ),
  };
}

const etaLabel = (eta: number): string => `η = ${eta}`;

function rowLabel({ label, study: used, isPapers }: Figure7Table["rows"][number]): string {
  return used === null || isPapers ? label : `${label}\n${oursLabel(used)}`;
}

/** In lines as wide as the table's first column. */
function oursLabel({ network, data }: Study): string {
  const name = data.name === "cifar-10" ? "CIFAR-10" : "Fashion-MNIST at 32×32×3";
  const copies = data.copies === 1 ? "" : ` × ${data.copies}`;
  return `ours: ${network},\n${grouped(data.train)}${copies} images of ${name}`;
}

/** Of the labels, in px. */
const LINE = 14;

export function figure7Spec(table: Figure7Table): FigureSpec {
  const ran = table.rows.filter(({ study: used }) => used !== null);
  const isPapers = ran.every((of) => of.isPapers);
  const isIncomplete = table.rows.some(({ cells }) => cells.some(({ state }) => state === "incomplete"));
  const notes = [
    isPapers ? [] : ["Ours with other networks or data than the paper’s, as said at each row."],
    isIncomplete ? ["† Training not completed."] : [],
  ].flat();
  const labels = table.rows.map(rowLabel);
  return fillSlots(spec, {
    title: heading("Validation accuracy (%): the paper’s in grey, ours in black", ...notes),
    description:
      "Figure 7: the paper's table of validation accuracies by learning rate, of networks trained to completion on all of CIFAR-10, without and with tenfold augmentation; the paper's numbers above, ours below.",
    labels,
    // Vega centres a label's first line.
    labelOffset: -(LINE / 2) * (Math.max(...labels.map((label) => label.split("\n").length)) - 1),
  });
}
