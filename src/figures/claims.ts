/** What the paper states, as checks: the paper's number, ours, the rule, and how it came out. */
export type Verdict = "pass" | "fail" | "not-testable";

export interface Claim {
  /** Unique within its figure, kebab-case. */
  readonly id: string;
  /** One sentence that is true or false. */
  readonly statement: string;
  /** Where the paper or its protocol says so. */
  readonly source: string;
  /** The number or the words that ours is held against; null where the source gives none. */
  readonly paper: number | string | null;
  readonly ours: number | string | null;
  /** When the claim passes, readable. */
  readonly rule: string;
  readonly verdict: Verdict;
  /** Why it is not testable, or what to know when reading it. */
  readonly note?: string;
}

interface Stated {
  readonly id: string;
  readonly statement: string;
  readonly source: string;
  readonly note?: string;
}

export interface NumberClaim extends Stated {
  readonly paper: number;
  /** Undefined where this profile does not compute it. */
  readonly ours: number | undefined;
  /** Largest |ours − paper| that passes, absolute or relative. The rule says "expected": not every source is the paper. */
  readonly tolerance: { readonly absolute: number } | { readonly relative: number };
}

/** A number of the paper's against ours. NaN fails. */
export function numberClaim({ paper, ours, tolerance, ...stated }: NumberClaim): Claim {
  const bound = "absolute" in tolerance ? tolerance.absolute : tolerance.relative * Math.abs(paper);
  const rule =
    "absolute" in tolerance
      ? `|ours − expected| ≤ ${shortly(tolerance.absolute)}`
      : `|ours/expected − 1| ≤ ${tolerance.relative}`;
  if (ours === undefined) return notTestable({ ...stated, paper, rule });
  return { ...stated, paper, ours: finite(ours), rule, verdict: Math.abs(ours - paper) <= bound ? "pass" : "fail" };
}

export interface RuleClaim extends Stated {
  readonly paper: number | string | null;
  /** Undefined where this profile does not compute it. */
  readonly ours: number | string | undefined;
  readonly rule: string;
  readonly holds: boolean;
}

/** A statement about the shape of things: a trend, an order, a change. */
export function ruleClaim({ paper, ours, rule, holds, ...stated }: RuleClaim): Claim {
  if (ours === undefined) return notTestable({ ...stated, paper, rule });
  const shown = typeof ours === "number" ? finite(ours) : ours;
  return { ...stated, paper, ours: shown, rule, verdict: holds ? "pass" : "fail" };
}

function notTestable(claim: Omit<Claim, "verdict" | "ours">): Claim {
  return { ...claim, ours: null, verdict: "not-testable", note: claim.note ?? "this profile does not compute it" };
}

/** 1e-6, not 0.000001. */
const shortly = (value: number): string => (value > 0 && value < 1e-3 ? value.toExponential() : String(value));

/** JSON has no NaN or infinity. */
function finite(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

/** A table of the paper's, ours beside it: a value a column in each row, null where there is none. */
export interface PaperTable {
  readonly id: string;
  readonly title: string;
  readonly source: string;
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly label: string;
    readonly paper: readonly (number | string | null)[];
    readonly ours: readonly (number | string | null)[];
  }[];
  readonly note?: string;
}

export interface ClaimsArtifact {
  readonly figure: string;
  readonly title: string;
  readonly claims: readonly Claim[];
  readonly tables?: readonly PaperTable[];
  readonly provenance: Readonly<Record<string, unknown>>;
}

/** Throws on two claims of one id: the report addresses them by it. */
export function claimsArtifact(artifact: ClaimsArtifact): ClaimsArtifact {
  const ids = artifact.claims.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw new Error(`${artifact.figure} has two claims "${twice}"`);
  return artifact;
}
