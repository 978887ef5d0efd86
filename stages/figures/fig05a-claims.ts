/** Figure 5a's claims: generalization is flat below the stability threshold, improves past it, and falls in the end. */
import { type Claim, numberClaim, ruleClaim } from "../../src/figures/claims.ts";
import { type Figure5Tables, meanAccuracies, type Samples, stabilityThreshold } from "./fig05.ts";
import { restingOn, shapeClaims } from "./fig05-claims.ts";
import { grouped } from "./studies.ts";

const SECTION = "paper, section 4.1 and Figure 5a";
const INDEPENDENT = "an independent run in JAX from other initialisations";

/** Mean accuracy on the 10,000 test samples. */
const MEASURED = [
  { eta: 0.002, accuracy: 0.7768 },
  { eta: 0.01, accuracy: 0.7774 },
  { eta: 0.021, accuracy: 0.7808 },
  { eta: 0.046, accuracy: 0.7842 },
  { eta: 0.098, accuracy: 0.7912 },
  { eta: 0.211, accuracy: 0.7895 },
] as const;
const WHOLE = 10_000;
const MODELS = 235;
const NEEDS_ALL = "needs the whole test set: profile laptop";

export function figure5aClaims(tables: Figure5Tables): Claim[] {
  const { generalization, stable } = tables;
  const { models } = generalization;
  const onGrid = models.filter(({ eta }) => eta > 0.0099).length;
  const incomplete = models.filter(({ ending }) => ending.reason !== "complete");
  const complete = models.filter(({ ending }) => ending.reason === "complete");
  const largest = Math.max(...complete.map(({ eta }) => eta));
  return [
    restingOn(
      stable,
      numberClaim({
        id: "stability-threshold",
        statement: "Stable training ends near η = 0.01, where the paper's grid begins.",
        source: `${SECTION}; ${INDEPENDENT}: S_max = 194.9`,
        paper: 0.01026,
        ours: stabilityThreshold(stable),
        tolerance: { relative: 0.25 },
      }),
    ),
    ruleClaim({
      id: "models",
      statement: `${MODELS} models are trained: η = 0.01·1.1^k until divergence, with five initialisations.`,
      source: SECTION,
      paper: MODELS,
      ours: onGrid < MODELS ? undefined : onGrid,
      rule: `${MODELS} models or more with η from 0.01 on`,
      holds: onGrid >= MODELS,
      note: `${incomplete.length} of all ${models.length} models did not complete their training.`,
    }),
    numberClaim({
      id: "largest-eta",
      statement: "Above η of about 0.34 models diverge.",
      source: INDEPENDENT,
      paper: 0.34,
      ours: incomplete.some(({ eta }) => eta > largest) ? largest : undefined,
      tolerance: { relative: 0.3 },
      note: "Ours: the largest η at which any model completed its training.",
    }),
    ...(["paper", "all"] as const).flatMap((samples) => shapesOn(samples, tables)),
    ...MEASURED.map(({ eta, accuracy }) => {
      const near = meanAccuracies("all", generalization).find((of) => Math.abs(of.eta / eta - 1) < 0.05);
      return numberClaim({
        id: `accuracy@eta=${eta}`,
        statement: `Mean accuracy on all ${grouped(WHOLE)} test samples at η = ${eta}.`,
        source: INDEPENDENT,
        paper: accuracy,
        ours: near?.accuracy,
        tolerance: { absolute: 0.01 },
        ...(near === undefined ? { note: NEEDS_ALL } : {}),
      });
    }),
  ];
}

function shapesOn(samples: Samples, tables: Figure5Tables): Claim[] {
  const isWhole = samples === "all";
  return shapeClaims(tables, {
    samples,
    source: isWhole ? `${SECTION}; ${INDEPENDENT}` : SECTION,
    suffix: `@samples=${samples}`,
    about: isWhole ? "on the whole test set" : "on the paper's 200 test samples",
    flat: isWhole ? 0.005 : 0.02,
    rise: 0.01,
    paper: isWhole
      ? { flat: "0.7768 to 0.7774", rises: "0.7770 → 0.7912", falls: "0.7912 → 0.7895" }
      : { flat: "relatively flat", rises: "improves sharply", falls: "performance eventually falls" },
    lacking: NEEDS_ALL,
  });
}
