/** Figure 5b's claims: VGG10 gains more from learning rates past the stability threshold than the MLP does. */
import { type Claim, numberClaim, ruleClaim } from "../../src/figures/claims.ts";
import { type Figure5Tables, meanAccuracies, stabilityThreshold } from "./fig05.ts";
import { levelBelow, restingOn, shapeClaims, shownAccuracy } from "./fig05-claims.ts";
import type { Study } from "./image-tables.ts";
import { grouped, testedOn, VGG10_5K } from "./studies.ts";

const SECTION = "paper, section 4.1 and Figure 5b";
const READ_OFF = "read off the plot in the first author's public code of 2025";

/** Mean accuracy on the 1,000 test images, to about ±0.005. */
const MEASURED = [
  { eta: 0.00125, accuracy: 0.305 },
  { eta: 0.002, accuracy: 0.32 },
  { eta: 0.013, accuracy: 0.345 },
  { eta: 0.021, accuracy: 0.36 },
  { eta: 0.054, accuracy: 0.41 },
  { eta: 0.137, accuracy: 0.44 },
  { eta: 0.22, accuracy: 0.46 },
  { eta: 0.563, accuracy: 0.477 },
  { eta: 1.441, accuracy: 0.5 },
  { eta: 3.69, accuracy: 0.5 },
] as const;
const MODELS = 120;
/** By this η, accuracy has risen by ten points. */
const BY = 0.22;

export function figure5bClaims(tables: Figure5Tables, study: Study): Claim[] {
  const { generalization, stable } = tables;
  const { models } = generalization;
  const means = meanAccuracies("paper", generalization);
  const near = (eta: number) => means.find((of) => Math.abs(of.eta / eta - 1) < 0.05)?.accuracy;
  const level = levelBelow("paper", tables);
  const raised = near(BY);
  const incomplete = models.filter(({ ending }) => ending.reason !== "complete").length;
  const numbers = (claim: Claim): Claim => testedOn(study, VGG10_5K, "numbers", claim);
  return [
    restingOn(
      stable,
      numbers(
        numberClaim({
          id: "stability-threshold",
          statement: "Stable training ends near η = 0.00125.",
          source: `${SECTION}; ${READ_OFF}`,
          paper: 0.00125,
          ours: stabilityThreshold(stable),
          tolerance: { relative: 0.3 },
        }),
      ),
    ),
    numbers(
      ruleClaim({
        id: "models",
        statement: `${MODELS} models are trained: η ascending by factors until divergence, with five initialisations.`,
        source: SECTION,
        paper: MODELS,
        ours: models.length < MODELS ? undefined : models.length,
        rule: `${MODELS} models or more`,
        holds: models.length >= MODELS,
        note: `This profile trains ${models.length} models; ${incomplete} did not complete their training.`,
      }),
    ),
    ...shapeClaims(tables, {
      samples: "paper",
      source: SECTION,
      suffix: "",
      about: `on ${grouped(study.data.test)} test images`,
      flat: 0.02,
      rise: 0.02,
      paper: { flat: "relatively flat", rises: "improves sharply", falls: "performance eventually falls" },
      lacking: "no model completed its training",
    }).map((claim) => testedOn(study, VGG10_5K, "shape", claim)),
    numbers(
      ruleClaim({
        id: "rises-by-ten-points",
        statement: `By η = ${BY} the mean accuracy has risen by ten points or more.`,
        source: `${SECTION}; ${READ_OFF}`,
        paper: "0.305 → 0.46",
        ours: raised === undefined ? undefined : `${shownAccuracy(level)} → ${shownAccuracy(raised)}`,
        rule: `the mean at η = ${BY} is at least 0.1 above that at or below the threshold`,
        holds: raised !== undefined && raised >= level + 0.1,
      }),
    ),
    ...MEASURED.map(({ eta, accuracy }) =>
      numbers(
        numberClaim({
          id: `accuracy@eta=${eta}`,
          statement: `Mean accuracy on the 1,000 test images at η = ${eta}.`,
          source: READ_OFF,
          paper: accuracy,
          ours: near(eta),
          tolerance: { absolute: 0.03 },
        }),
      ),
    ),
  ];
}
