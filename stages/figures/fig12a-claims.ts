/** Figure 12a's claims, and the range of an independent run. */
import { type Claim, ruleClaim } from "../../src/figures/claims.ts";
import { has } from "./fig05.ts";
import { correlation, signed } from "./fig12.ts";
import { counted, signClaims, similarStrengths } from "./fig12-claims.ts";
import { MLP_ROW } from "./fig12a.ts";
import type { GeneralizationTable } from "./model-tables.ts";

const INDEPENDENT = "an independent run in JAX of 45 models on 10,000 test samples";
const NEEDS_ALL = "needs the whole test set: profile laptop";

export function figure12aClaims(table: GeneralizationTable, upTo: number): Claim[] {
  return [
    ...(["paper", "all"] as const).flatMap((samples) => {
      const options = { row: MLP_ROW, samples, suffix: `@samples=${samples}`, lacking: NEEDS_ALL };
      return [...signClaims(table, options), similarStrengths(table, options)];
    }),
    rangeClaim(table, "eta", upTo, [0.61, 0.72]),
    rangeClaim(table, "sharpness", upTo, [-0.68, -0.56]),
  ];
}

function rangeClaim(
  table: GeneralizationTable,
  measure: "eta" | "sharpness",
  upTo: number,
  [low, high]: readonly [number, number],
): Claim {
  const found = correlation(table, measure, "all", upTo);
  const isDefined = found?.value != null && found.low !== null && found.high !== null;
  return ruleClaim({
    id: `independent-${measure}`,
    statement: `Up to η = ${upTo} the correlation of accuracy with ${measure === "eta" ? "η" : "S"} is that of an independent run.`,
    source: INDEPENDENT,
    paper: `${signed(low)} to ${signed(high)}`,
    ours: isDefined ? counted(found) : undefined,
    rule: "our 95 % confidence interval meets that range",
    holds: isDefined && found.low! <= high && found.high! >= low,
    ...(has("all", table) ? {} : { note: NEEDS_ALL }),
  });
}
