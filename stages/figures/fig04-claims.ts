/**
 * Figure 4's claims: the larger the learning rate and the longer it is kept, the flatter a model stays for good (paper,
 * section 3.4). Numbers of an independent run stand beside ours; initialisations differ, and with them the values.
 */
import { type Claim, numberClaim, type PaperTable, ruleClaim } from "../../src/figures/claims.ts";
import { baseline, distinct, type Figure4Tables, type Flattening, flattenings } from "./fig04.ts";
import { shown } from "./shown.ts";
import { spearman } from "./statistics.ts";

const SECTION = "paper, section 3.3 and Figure 4";
const INDEPENDENT = "an independent run in JAX from another initialisation";

const MEASURED: readonly { readonly eta: number; readonly at: number; readonly sharpness: number }[] = [
  { eta: 0.05, at: 50, sharpness: 161 },
  { eta: 0.05, at: 100, sharpness: 134 },
  { eta: 0.05, at: 200, sharpness: 91 },
  { eta: 0.05, at: 400, sharpness: 52 },
  { eta: 0.1, at: 50, sharpness: 101 },
  { eta: 0.1, at: 100, sharpness: 62 },
  { eta: 0.1, at: 200, sharpness: 34 },
  { eta: 0.2, at: 50, sharpness: 77 },
  { eta: 0.2, at: 100, sharpness: 38 },
  { eta: 0.2, at: 200, sharpness: 21 },
];
const BASELINE = 194.9;

export function figure4Claims(tables: Figure4Tables): Claim[] {
  const found = flattenings(tables);
  const level = baseline(tables);
  const etas = distinct(found.map(({ eta }) => eta));
  const curves = etas.map((eta) => ({ eta, points: found.filter((of) => of.eta === eta) }));
  const trends = curves.map(({ points }) =>
    spearman(
      points.map((of) => of.at),
      points.map((of) => of.sharpness),
    ),
  );
  // Only switches that every learning rate has: a large one may have ended its training before.
  const common = distinct(found.map(({ at }) => at)).filter(
    (at) => found.filter((of) => of.at === at).length === etas.length,
  );
  const across = common.map((at) => ({ at, values: found.filter((of) => of.at === at).map((of) => of.sharpness) }));
  const compared = MEASURED.flatMap((measured) => {
    const ours = found.find(({ eta, at }) => eta === measured.eta && at === measured.at);
    return ours === undefined ? [] : [{ ...measured, ours: ours.sharpness }];
  });
  return [
    numberClaim({
      id: "baseline",
      statement: "A run that is stable from the start reaches a maximum sharpness of about 195.",
      source: INDEPENDENT,
      paper: BASELINE,
      ours: level,
      tolerance: { relative: 0.25 },
      note: "Seeds differ by about a tenth.",
    }),
    ruleClaim({
      id: "falls-with-time",
      statement: "The later η is reduced, the lower is the eventual maximum of S.",
      source: SECTION,
      paper: "S_max decreases as η reductions are delayed",
      ours: curves.every(({ points }) => points.length < 2)
        ? undefined
        : curves.map(({ eta, points }) => `η₀ = ${eta}: ${listed(points)}`).join("; "),
      rule: "for every η₀, S_max of the last switch is below that of the first, and its rank correlation with the switch is −0.8 or less",
      holds: curves.every(({ points }, i) => points.at(-1)!.sharpness < points[0]!.sharpness && trends[i]! <= -0.8),
    }),
    ruleClaim({
      id: "falls-with-eta",
      statement: "The larger η₀, the lower is the eventual maximum of S.",
      source: SECTION,
      paper: "S_max decreases with larger η₀",
      ours:
        across.length === 0 || etas.length < 2
          ? undefined
          : across.map(({ at, values }) => `${values.map(shown).join(" > ")} at ${at}`).join("; "),
      rule: "at every switch, S_max falls from each η₀ to the next larger",
      holds: across.every(({ values }) => values.every((value, i) => i === 0 || value < values[i - 1]!)),
    }),
    ruleClaim({
      id: "flatter-than-stable",
      statement: "Every phase of instabilities leaves a model flatter than stable training does.",
      source: SECTION,
      paper: "below the curve's start",
      ours: `${shown(Math.max(...found.map(({ sharpness }) => sharpness)))} at most, against ${shown(level)}`,
      rule: "every S_max is below the stable run's",
      holds: found.every(({ sharpness }) => sharpness < level),
    }),
    ruleClaim({
      id: "independent-values",
      statement: "The eventual maxima are those of an independent run, as far as initialisations allow.",
      source: INDEPENDENT,
      paper: compared.length === 0 ? null : compared.map((of) => `${of.sharpness}`).join(", "),
      ours:
        compared.length === 0
          ? undefined
          : compared.map((of) => `${shown(of.ours)} (η₀ = ${of.eta}, epoch ${of.at})`).join(", "),
      rule: "each within a factor of 2",
      holds: compared.every((of) => of.ours < 2 * of.sharpness && of.ours > of.sharpness / 2),
    }),
  ];
}

export function figure4Tables(tables: Figure4Tables): PaperTable[] {
  const found = flattenings(tables);
  const switches = distinct(MEASURED.map(({ at }) => at));
  const rows = distinct(MEASURED.map(({ eta }) => eta)).map((eta) => ({
    label: `η₀ = ${eta}`,
    paper: switches.map((at) => MEASURED.find((of) => of.eta === eta && of.at === at)?.sharpness ?? null),
    ours: switches.map((at) => {
      const ours = found.find((of) => of.eta === eta && of.at === at)?.sharpness;
      return ours === undefined ? null : Number(shown(ours));
    }),
  }));
  return [
    {
      id: "eventual-sharpness",
      title: "Eventual maximum sharpness by the epoch at which η is reduced to 0.01",
      source: INDEPENDENT,
      columns: switches.map((at) => `epoch ${at}`),
      rows: [...rows, baselineRow(switches.length, baseline(tables))],
      note: "The paper gives no numbers; these are of an independent reproduction, from one other initialisation.",
    },
  ];
}

function baselineRow(columns: number, level: number): PaperTable["rows"][number] {
  const row = (value: number): (number | null)[] => Array.from({ length: columns }, (_, i) => (i === 0 ? value : null));
  return { label: "stable from the start", paper: row(BASELINE), ours: row(Number(shown(level))) };
}

const listed = (points: readonly Flattening[]): string =>
  points.map(({ at, sharpness }) => `${shown(sharpness)} (${at})`).join(", ");
