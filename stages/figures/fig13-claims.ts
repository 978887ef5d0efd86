/** Figure 13's claims: among models of one learning rate, ρ tells better than S which generalize. */
import { type Claim, type PaperTable, ruleClaim } from "../../src/figures/claims.ts";
import { distinct } from "./fig04.ts";
import { restingOn } from "./fig05-claims.ts";
import { worded } from "./fig12.ts";
import {
  type Association,
  correlationsByEta,
  type Figure13Tables,
  PAPER,
  PHASE_NAMES,
  PHASES,
  type Phase,
  PREDICTORS,
  type Predictor,
  phaseMeans,
  phaseOf,
} from "./fig13.ts";
import type { Study } from "./image-tables.ts";
import { studyTitle, testedOn, VGG10_5K } from "./studies.ts";

const SOURCE = "paper, appendix I and Figure 13";
const SEEDS = 9;
const INCONCLUSIVE = "The paper itself calls its numbers inconclusive, with nine models a learning rate.";
const NO_PHASE = "this profile has no such learning rates with three models or more";

export function figure13Claims(tables: Figure13Tables, study: Study): Claim[] {
  const means = phaseMeans(correlationsByEta(tables));
  const mean = (phase: Phase, predictor: Predictor): Association | undefined =>
    means.find((of) => of.phase === phase && of.predictor === predictor);
  return [
    // What is said of phases rests on the stability threshold, and on the paper's own network and data.
    ...aboveEdgeClaims(mean("above", "rho"), mean("above", "sharpness")).map((claim) =>
      restingOn(tables.stable, testedOn(study, VGG10_5K, "shape", claim)),
    ),
    ...(["above", "extreme"] as const).flatMap((phase) =>
      PREDICTORS.map((predictor) => {
        const found = mean(phase, predictor);
        const paper = PAPER[phase]![predictor];
        const isDefined = found?.low != null && found.high !== null;
        return testedOn(
          study,
          VGG10_5K,
          "numbers",
          ruleClaim({
            id: `mean-${predictor}@phase=${phase}`,
            statement: `The mean rank correlation of accuracy with ${predictor === "rho" ? "ρ" : "S"}, learning rates ${PHASE_NAMES[phase]}, is the paper's.`,
            source: SOURCE,
            paper,
            ours: isDefined ? counted(found) : undefined,
            rule: "the paper's value lies in our 95 % confidence interval",
            holds: isDefined && found.low! <= paper && paper <= found.high!,
            note: isDefined ? INCONCLUSIVE : NO_PHASE,
          }),
        );
      }),
    ),
    seedsClaim(tables),
  ];
}

function aboveEdgeClaims(rho: Association | undefined, sharpness: Association | undefined): Claim[] {
  return [
    ruleClaim({
      id: "rho-negative-above-edge",
      statement:
        "Above the edge of stability, of models with one learning rate those whose eigenvectors turned further generalize better.",
      source: SOURCE,
      paper: PAPER.above!.rho,
      ours: rho === undefined ? undefined : counted(rho),
      rule: "the mean over learning rates of ρ's rank correlation with accuracy is negative, with its 95 % confidence interval",
      holds: rho !== undefined && rho.value < 0 && rho.high !== null && rho.high < 0,
      ...(rho === undefined ? { note: NO_PHASE } : {}),
    }),
    ruleClaim({
      id: "rho-before-sharpness",
      statement: "Above the edge of stability ρ has the expected sign more clearly than S has.",
      source: SOURCE,
      paper: "−0.40 against +0.56",
      ours: rho === undefined || sharpness === undefined ? undefined : `${counted(rho)}; S ${counted(sharpness)}`,
      rule: "the mean correlation of ρ is below that of S",
      holds: rho !== undefined && sharpness !== undefined && rho.value < sharpness.value,
      note: rho === undefined || sharpness === undefined ? NO_PHASE : INCONCLUSIVE,
    }),
  ];
}

function seedsClaim({ generalization: { models } }: Figure13Tables): Claim {
  const etas = distinct(models.map(({ eta }) => eta));
  const counts = etas.map((eta) => models.filter((model) => model.eta === eta).length);
  const fewest = Math.min(...counts);
  return ruleClaim({
    id: "nine-seeds",
    statement: `${SEEDS} models are trained with each learning rate.`,
    source: SOURCE,
    paper: SEEDS,
    ours: fewest < SEEDS ? undefined : fewest,
    rule: `${SEEDS} models or more with every learning rate`,
    holds: fewest >= SEEDS,
    ...(fewest < SEEDS
      ? { note: `this profile trains ${fewest} models with each of ${etas.length} learning rates` }
      : {}),
  });
}

const counted = (of: Association): string =>
  `${worded(of)} over ${of.count} learning ${of.count === 1 ? "rate" : "rates"}`;

export function figure13Tables(tables: Figure13Tables, study: Study): PaperTable[] {
  const correlations = correlationsByEta(tables);
  const means = phaseMeans(correlations);
  const columns = ["ρ", "S(θ)"];
  const used = `Ours: ${studyTitle(study, VGG10_5K)}.`;
  return [
    {
      id: "phase-means",
      title: "Mean rank correlation with generalization",
      source: SOURCE,
      columns,
      rows: PHASES.map((phase) => ({
        label: PHASE_NAMES[phase],
        paper: PREDICTORS.map((predictor) => PAPER[phase]?.[predictor] ?? null),
        ours: PREDICTORS.map((predictor) => {
          const found = means.find((of) => of.phase === phase && of.predictor === predictor);
          return found === undefined ? "not run at this profile" : worded(found);
        }),
      })),
      note: `${used} ρ: similarity of the top-3 subspaces at the end to those of the same initialisation's lowest η. In brackets: 95 % confidence intervals of the mean's sampling error; the learning rates share their initialisations, which they leave aside.`,
    },
    {
      id: "by-learning-rate",
      title: "Rank correlation with generalization by learning rate",
      source: SOURCE,
      columns,
      rows: distinct(correlations.map(({ eta }) => eta)).map((eta) => ({
        label: `η = ${eta}, ${PHASE_NAMES[phaseOf(eta, tables)]}`,
        paper: PREDICTORS.map(() => null),
        ours: PREDICTORS.map((predictor) => {
          const found = correlations.find((of) => of.eta === eta && of.predictor === predictor);
          return found === undefined ? null : `${worded(found)}, ${found.count} models`;
        }),
      })),
      note: `${used} The paper has a plot and gives no numbers. In brackets: 95 % confidence intervals (Bonett and Wright 2000).`,
    },
  ];
}
