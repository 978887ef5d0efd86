/** Figure 1's claims: the paper's section 3 on the diagonal linear network, with independently computed numbers beside ours. */
import { type Claim, numberClaim, ruleClaim } from "../../src/figures/claims.ts";
import type { DlnTable, DlnTrajectoryTable } from "./dln-table.ts";
import { isStable } from "./fig01.ts";

const SECTION = "paper, section 3";
const GROUND_TRUTH = "closed forms, computed independently in float64";

/** Of trajectories from (−0.1, 10) with z = Θ², iterated to |Θ| < 1e-10. */
const EXPECTED = [
  { eta: 0.001, gamma: 1.25002, finalSharpness: 199.977778, maxProduct: 1, minAlignment: 50.015, above: 0 },
  { eta: 0.0095, gamma: 1.110921, finalSharpness: 199.606583, maxProduct: 1, minAlignment: 50.015, above: 0 },
  { eta: 0.011, gamma: 0.833113, finalSharpness: 160.618177, maxProduct: 6.941737, minAlignment: 6.592363, above: 15 },
  { eta: 0.013, gamma: 0.62474, finalSharpness: 82.954329, maxProduct: 18.87952, minAlignment: 2.063005, above: 9 },
] as const;

/** Half a unit of the last digit given, and as much again for the reader's rounding. */
const SIX_DECIMALS = { absolute: 1e-6 } as const;

export function figure1Claims(table: DlnTable): Claim[] {
  return [...startClaims(table), ...polarityClaims(table), ...EXPECTED.flatMap((row) => numbersOf(table, row))];
}

function startClaims({ start, initial, thresholds }: DlnTable): Claim[] {
  // Everything below is about this start; with another one there is nothing to hold against the paper.
  const here = <T>(value: T): T | undefined => (start[0] === -0.1 && start[1] === 10 ? value : undefined);
  const exact = { absolute: 1e-12 };
  return [
    numberClaim({
      id: "edge-of-stability",
      statement: "At (−0.1, 10) the stability threshold along θ₁ is ηₑₒₛ = 0.01.",
      source: `${SECTION}.2, Figure 1`,
      paper: 0.01,
      ours: here(thresholds.edge),
      tolerance: exact,
    }),
    numberClaim({
      id: "asymptote",
      statement: "γᵦ has its first asymptote at half the stability threshold.",
      source: `${SECTION}.1`,
      paper: 0.5,
      ours: thresholds.asymptotes[0] / thresholds.edge,
      tolerance: exact,
    }),
    numberClaim({
      id: "unity",
      statement: "γᵦ = 1 at ηₑₒₛ(1 − ξ), ξ = θ₁²/(θ₁² + θ₂²): the change of regime is the edge of stability but for ξ.",
      source: `${SECTION}.1`,
      paper: 1 - start[0] ** 2 / (start[0] ** 2 + start[1] ** 2),
      ours: thresholds.unity / thresholds.edge,
      tolerance: exact,
    }),
    numberClaim({
      id: "sharpness-at-start",
      statement: "The sharpness at the start is λ₁ = 200.08.",
      source: GROUND_TRUTH,
      paper: 200.079976,
      ours: here(initial.values[0] ?? Number.NaN),
      tolerance: SIX_DECIMALS,
    }),
    numberClaim({
      id: "alignment-at-start",
      statement: "The sharpest eigenvector at the start is aligned with θ₁: R₂ = 50.01.",
      source: GROUND_TRUTH,
      paper: 50.014994,
      ours: here(initial.alignment),
      tolerance: SIX_DECIMALS,
    }),
    numberClaim({
      id: "progressive-sharpening-at-start",
      statement: "α = −∇L·∇S is negative at the start: gradient descent flattens there.",
      source: GROUND_TRUTH,
      paper: -39.9808211,
      ours: here(initial.progressiveSharpening),
      tolerance: SIX_DECIMALS,
    }),
  ];
}

function polarityClaims(table: DlnTable): Claim[] {
  const stable = table.trajectories.filter((trajectory) => isStable(table, trajectory));
  const unstable = table.trajectories.filter((trajectory) => !isStable(table, trajectory));
  const said = (all: readonly DlnTrajectoryTable[], what: (of: DlnTrajectoryTable) => string): string | undefined =>
    all.length === 0 ? undefined : all.map((of) => `η = ${of.eta}: ${what(of)}`).join("; ");
  const finals = [...unstable].sort((a, b) => a.eta - b.eta).map(({ finalSharpness }) => finalSharpness);
  const flattest = Math.min(...stable.map(({ finalSharpness }) => finalSharpness));
  return [
    ruleClaim({
      id: "stable-aligns",
      statement: "With a stable η, v₁ turns towards θ₁ at every step.",
      source: `${SECTION}.2`,
      paper: "R₂ rises",
      ours: said(stable, ({ alignmentRises }) => (alignmentRises ? "R₂ rises" : "R₂ falls somewhere")),
      rule: "for every stable η, R₂ never falls from one step to the next",
      holds: stable.every(({ alignmentRises }) => alignmentRises),
    }),
    ruleClaim({
      id: "unstable-turns-away-and-returns",
      statement: "With an unstable η, v₁ first turns away from θ₁ and returns later.",
      source: `${SECTION}.2`,
      paper: "R₂ falls, then recovers",
      ours: said(unstable, (of) => `R₂ falls to ${of.minAlignment.toFixed(3)} at step ${of.minAlignmentStep}`),
      rule: "for every unstable η, R₂ falls at every step down to one minimum and rises at every step after it",
      holds: unstable.every(fallsThenRises),
    }),
    ruleClaim({
      id: "unstable-ends-flatter",
      statement: "Unstable learning rates reach flatter minima, the larger the flatter.",
      source: `${SECTION}.2`,
      paper: "final S falls with η",
      ours: said(table.trajectories, ({ finalSharpness }) => `S = ${finalSharpness.toFixed(2)}`),
      rule: "the final S of the unstable η lie below those of the stable ones and fall with η",
      holds: finals.every((value, i) => value < (i === 0 ? flattest : finals[i - 1]!)),
    }),
  ];
}

/** Down to one minimum and up from it: the monotonicity that the paper claims of both phases. */
function fallsThenRises({ rows, minAlignmentStep }: DlnTrajectoryTable): boolean {
  const values = rows.map(({ alignment }) => alignment ?? Number.POSITIVE_INFINITY);
  return (
    minAlignmentStep > 0 &&
    values.every((value, i) => i === 0 || (i <= minAlignmentStep ? value < values[i - 1]! : value >= values[i - 1]!))
  );
}

function numbersOf(table: DlnTable, expected: (typeof EXPECTED)[number]): Claim[] {
  const here = table.start[0] === -0.1 && table.start[1] === 10;
  const found = here ? table.trajectories.find(({ eta }) => eta === expected.eta) : undefined;
  const about = { source: GROUND_TRUTH };
  const id = (what: string): string => `${what}@eta=${expected.eta}`;
  const eta = `η = ${expected.eta}`;
  return [
    numberClaim({
      ...about,
      id: id("gamma-beta"),
      statement: `γᵦ at the start with ${eta}.`,
      paper: expected.gamma,
      ours: found?.gammaBeta,
      tolerance: SIX_DECIMALS,
    }),
    numberClaim({
      ...about,
      id: id("final-sharpness"),
      statement: `Sharpness of the minimum reached with ${eta}.`,
      paper: expected.finalSharpness,
      ours: found?.finalSharpness,
      tolerance: SIX_DECIMALS,
    }),
    numberClaim({
      ...about,
      id: id("largest-product"),
      statement: `Largest |Θ| on the way with ${eta}.`,
      paper: expected.maxProduct,
      ours: found?.maxProduct,
      tolerance: SIX_DECIMALS,
    }),
    numberClaim({
      ...about,
      id: id("least-alignment"),
      statement: `Least R₂ on the way with ${eta}.`,
      paper: expected.minAlignment,
      ours: found?.minAlignment,
      tolerance: { absolute: expected.minAlignment > 50 ? 1e-3 : 1e-6 },
    }),
    numberClaim({
      ...about,
      id: id("steps-above-threshold"),
      statement: `Steps with S > 2/η with ${eta}.`,
      paper: expected.above,
      ours: found?.stepsAboveThreshold,
      tolerance: { absolute: 0 },
    }),
  ];
}
