/** Figures 12b and 12c: their claims, by regime. */
import { type Claim, type PaperTable, ruleClaim } from "../../src/figures/claims.ts";
import { HEADLINE } from "./correlations.ts";
import {
  figure12Tables,
  listed,
  SOURCE,
  signClaims,
  similarStrengths,
  strengthsOf,
  valueClaims,
} from "./fig12-claims.ts";
import { MLP_ROW } from "./fig12a.ts";
import { imageRow, type Regime } from "./fig12b.ts";
import type { Study } from "./image-tables.ts";
import type { GeneralizationTable } from "./model-tables.ts";
import { studyTitle, testedOn, VGG10_5K } from "./studies.ts";

export function imageClaims(table: GeneralizationTable, study: Study, regime: Regime): Claim[] {
  const row = imageRow(study, regime);
  const options = { row, samples: "paper", suffix: "", lacking: "no model completed its training" } as const;
  const shapes = [
    ...signClaims(table, options),
    ...(regime === "constant" ? [similarStrengths(table, options), stronger(table)] : [rhoFirst(table)]),
  ];
  return [
    ...shapes.map((claim) => testedOn(study, VGG10_5K, "shape", claim)),
    ...valueClaims(table, options).map((claim) => testedOn(study, VGG10_5K, "numbers", claim)),
  ];
}

function stronger(table: GeneralizationTable): Claim {
  const strengths = strengthsOf(table, "paper");
  return ruleClaim({
    id: "stronger-than-mlp",
    statement: "The associations are more pronounced with CIFAR-10 than with Fashion-MNIST.",
    source: SOURCE,
    paper: "0.945 and more, against 0.61 and less",
    ours: listed(strengths),
    rule: "each |correlation| exceeds the paper's for the MLP",
    holds: strengths.every(({ measure, value }) => value > Math.abs(MLP_ROW.paper[measure])),
  });
}

function rhoFirst(table: GeneralizationTable): Claim {
  const strengths = strengthsOf(table, "paper");
  const rho = strengths.find(({ measure }) => measure === HEADLINE);
  return ruleClaim({
    id: "rho-strongest",
    statement: "Where η is reduced, ρ goes with accuracy slightly better than η₀ and S do.",
    source: SOURCE,
    paper: "0.820 against 0.726 and 0.776",
    ours: listed(strengths),
    rule: "|correlation| of ρ is the largest of the three",
    holds: rho !== undefined && strengths.every(({ value }) => value <= rho.value),
    note: "The paper gives no intervals; where ours overlap, the order may be chance.",
  });
}

export function imageAssociations(table: GeneralizationTable, study: Study, regime: Regime): PaperTable[] {
  return figure12Tables(table, imageRow(study, regime), studyTitle(study, VGG10_5K));
}
