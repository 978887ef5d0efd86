import type { Json } from "../stage.ts";

export type Verdict = "pass" | "fail" | "not-testable";
export type Cell = number | string | null;

/** One claim as `artifacts/claims/NAME.json` has it (schemas/claims.schema.json). */
export interface Claim {
  readonly id: string;
  readonly statement: string;
  readonly source: string;
  readonly paper: Cell;
  readonly ours: Cell;
  readonly rule: string;
  readonly verdict: Verdict;
  readonly note?: string;
}

export interface PaperTable {
  readonly id: string;
  readonly title: string;
  readonly source: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly label: string; readonly paper: readonly Cell[]; readonly ours: readonly Cell[] }[];
  readonly note?: string;
}

export interface ClaimsFile {
  readonly figure: string;
  readonly title: string;
  readonly claims: readonly Claim[];
  readonly tables?: readonly PaperTable[];
}

export const VERDICTS = ["pass", "fail", "not-testable"] as const;

export const VERDICT_TEXT: Readonly<Record<Verdict, string>> = {
  pass: "holds",
  fail: "does not hold",
  "not-testable": "not testable",
};

/** The file's content, or `undefined` where it is none: artifacts may have been edited by hand. */
export function readClaims(text: string): ClaimsFile | undefined {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("claims" in value) || !Array.isArray(value.claims))
    return undefined;
  const file = value as unknown as ClaimsFile;
  const whole = file.claims.every(
    (claim) =>
      typeof claim?.id === "string" &&
      typeof claim.statement === "string" &&
      (VERDICTS as readonly string[]).includes(claim.verdict),
  );
  return whole && typeof file.figure === "string" && typeof file.title === "string" ? file : undefined;
}

export type Counts = Readonly<Record<Verdict, number>>;

export function countVerdicts(files: readonly ClaimsFile[]): Counts {
  const counts = { pass: 0, fail: 0, "not-testable": 0 };
  for (const { claims } of files) for (const { verdict } of claims) counts[verdict]++;
  return counts;
}
