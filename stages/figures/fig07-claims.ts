/** Figure 7's claims: on all of CIFAR-10 larger learning rates generalize better, and reducing them late does not help. */
import { type Claim, type PaperTable, ruleClaim } from "../../src/figures/claims.ts";
import { BIG_ROWS, type Cell, cellText, DIVERGED, type Figure7Table, PAPER_ROWS, paperText } from "./fig07.ts";
import type { BigRow } from "./image-tables.ts";
import { spearman } from "./statistics.ts";
import { studyTitle, testedOnAll } from "./studies.ts";

const SECTION = "paper, section 4.3 and Figure 7";
/** In points: what another initialisation may change, with room. */
const TOLERANCE = 2;

type Row = Figure7Table["rows"][number];

export function figure7Claims(table: Figure7Table): Claim[] {
  const rows = Object.fromEntries(table.rows.map((row) => [row.row, row])) as Readonly<Record<BigRow, Row>>;
  const constant = BIG_ROWS.filter((row) => !PAPER_ROWS[row].isReduced).map((row) => rows[row]);
  return [
    ...table.rows.map(valuesClaim),
    ...constant.flatMap((row) => [monotoneClaim(row), divergenceClaim(row)]),
    augmentationClaim(rows["vgg19-50k"], rows["vgg19-500k"]),
    reductionClaim(rows["resnet20-500k-reduced-at-0.9"], rows["resnet20-500k-reduced-at-0.98"], rows["resnet20-500k"]),
  ];
}

interface Had extends Cell {
  readonly ours: number;
}

/** The paper compares models that completed their training. */
const had = ({ cells }: Row): Had[] =>
  cells.filter((cell): cell is Had => cell.state === "complete" && cell.ours !== null);

/** Tested as far as the rows' studies allow. */
function about(rows: readonly Row[], basis: "numbers" | "shape", claim: Claim): Claim {
  const studies = rows.flatMap(({ row, study }) => (study === null ? [] : [{ study, paper: PAPER_ROWS[row].study }]));
  return testedOnAll(studies, basis, claim);
}

const oneLine = ({ label }: Row): string => label.replace("\n", " ");

function valuesClaim(row: Row): Claim {
  const compared = had(row).filter(({ paper }) => paper !== null);
  const listed = (of: (cell: Had) => number | null): string =>
    compared.map((cell) => `${of(cell)?.toFixed(2)} (${cell.eta})`).join(", ");
  const largest = Math.max(...compared.map(({ ours, paper }) => Math.abs(ours - paper!)));
  return about(
    [row],
    "numbers",
    ruleClaim({
      id: `accuracies@${row.row}`,
      statement: `The accuracies of ${oneLine(row)} are the paper's.`,
      source: SECTION,
      paper: compared.length > 0 ? listed(({ paper }) => paper) : allOf(row),
      ours: compared.length === 0 ? undefined : listed(({ ours }) => ours),
      rule: `each within ${TOLERANCE} points, learning rates in brackets`,
      holds: largest <= TOLERANCE,
      ...(compared.length === 0 ? { note: "not run at this profile" } : {}),
    }),
  );
}

function allOf({ cells }: Row): string {
  return cells.flatMap(({ paper, eta }) => (paper === null ? [] : [`${paper.toFixed(2)} (${eta})`])).join(", ");
}

function monotoneClaim(row: Row): Claim {
  const cells = had(row);
  const trend = spearman(
    cells.map(({ eta }) => eta),
    cells.map(({ ours }) => ours),
  );
  return about(
    [row],
    "shape",
    ruleClaim({
      id: `rises@${row.row}`,
      statement: `Accuracy rises almost monotonically with η: ${oneLine(row)}.`,
      source: SECTION,
      paper: "improved generalization with large learning rates",
      ours: cells.length < 3 ? undefined : `Spearman ${trend.toPrecision(2)} over ${cells.length} learning rates`,
      rule: "rank correlation of accuracy with η of 0.8 or more",
      holds: trend >= 0.8,
      ...(cells.length < 3 ? { note: "this profile has less than three learning rates" } : {}),
    }),
  );
}

function divergenceClaim(row: Row): Claim {
  const cells = had(row);
  const lost = row.cells.filter(({ state }) => state === "diverged").map(({ eta }) => eta);
  const boundary = Math.min(...lost);
  const best = cells.length === 0 ? undefined : cells.reduce((a, b) => (b.ours > a.ours ? b : a));
  const isTested = lost.length > 0 && best !== undefined;
  return about(
    [row],
    "shape",
    ruleClaim({
      id: `best-near-divergence@${row.row}`,
      statement: `The best η lies within an order of magnitude of the η at which training diverges: ${oneLine(row)}.`,
      source: SECTION,
      paper: `diverges at η = ${DIVERGED}; typically within one order of magnitude`,
      ours: isTested ? `best at η = ${best.eta}, diverged at η = ${boundary}` : undefined,
      rule: "the best η is at least a tenth of the smallest that diverges",
      holds: best !== undefined && best.eta >= boundary / 10,
      ...(isTested ? {} : { note: "no learning rate of this profile diverges" }),
    }),
  );
}

/** The learning rates at which all rows have an accuracy, with those accuracies. */
function common(rows: readonly Row[]): { readonly eta: number; readonly values: readonly number[] }[] {
  return rows[0]!.cells.flatMap(({ eta }) => {
    const values = rows.flatMap((row) => had(row).find((cell) => cell.eta === eta)?.ours ?? []);
    return values.length < rows.length ? [] : [{ eta, values }];
  });
}

function orderClaim(
  rows: readonly Row[],
  stated: { readonly id: string; readonly statement: string; readonly paper: string; readonly rule: string },
): Claim {
  const compared = common(rows);
  return about(
    rows,
    "shape",
    ruleClaim({
      ...stated,
      source: SECTION,
      ours:
        compared.length === 0
          ? undefined
          : compared
              .map(({ eta, values }) => `${values.map((of) => of.toFixed(2)).join(", ")} (η = ${eta})`)
              .join("; "),
      holds: compared.every(({ values }) => values.every((value, i) => i === 0 || value > values[i - 1]!)),
      ...(compared.length === 0 ? { note: "no learning rate was run with all of them at this profile" } : {}),
    }),
  );
}

function augmentationClaim(without: Row, augmented: Row): Claim {
  return orderClaim([without, augmented], {
    id: "augmentation-helps",
    statement: "VGG19 generalizes better with ten static augmentations of each image, at every η.",
    paper: "67.09 → 78.12 at η = 0.1, 73.56 → 84.07 at η = 3.2",
    rule: "at every η that both were run with, the accuracy with augmentation is higher",
  });
}

function reductionClaim(early: Row, late: Row, kept: Row): Claim {
  return orderClaim([early, late, kept], {
    id: "reduction-does-not-help",
    statement: "Reducing η at 90 % training accuracy is worse than at 98 %, and both are worse than keeping it.",
    paper: "83.01, 85.57, 86.06 at η = 0.4 … 84.98, 86.92, 87.32 at η = 3.2",
    rule: "at every η that all were run with: 90 % < 98 % < kept",
  });
}

export function figure7Tables(table: Figure7Table): PaperTable[] {
  const used = table.rows.map(({ row, study }) => (study === null ? "" : studyTitle(study, PAPER_ROWS[row].study)));
  const ran = [...new Set(used)]
    .filter((title) => title !== "")
    .map((title) => {
      const rows = used.flatMap((of, i) => (of === title ? [i + 1] : []));
      return `${title} in row${rows.length === 1 ? "" : "s"} ${rows.join(", ")}`;
    });
  return [
    {
      id: "validation-accuracy",
      title: "Validation accuracy (%) by learning rate",
      source: SECTION,
      columns: table.rows[0]!.cells.map(({ eta }) => `η = ${eta}`),
      rows: table.rows.map((row) => ({
        label: oneLine(row),
        paper: row.cells.map((cell) => cell.paper ?? paperText(row.row, cell)),
        ours: row.cells.map((cell) => (cell.state === "complete" ? cell.ours : cellText(cell))),
      })),
      note: `The paper's caption reduces η to 0.021, its text to 0.1.${ran.length > 0 ? ` Ours: ${ran.join("; ")}.` : ""} †: training not completed.`,
    },
  ];
}
