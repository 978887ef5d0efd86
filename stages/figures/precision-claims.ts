/**
 * What of Figure 2 hangs on float32's rounding. Past the edge of stability descent is chaotic: rounding is amplified until
 * the paths part, after which only what all trajectories share can agree. So Figure 2's claims are asked of both.
 */
import { type Claim, ruleClaim } from "../../src/figures/claims.ts";
import { figure2Claims } from "./fig02-claims.ts";
import { nameOf, type PrecisionTables, partingOf } from "./precision.ts";

const SOURCE = "this reproduction";
/** How well L and S agree before the paths part. */
const AGREEMENT = 0.05;

export function precisionClaims(tables: PrecisionTables): Claim[] {
  return [...pathClaims(tables), ...repeatedClaims(tables)];
}

function pathClaims(tables: PrecisionTables): Claim[] {
  const { single, double, paths, parted } = tables;
  const epoch = partingOf(tables);
  const before = epoch ?? Number.POSITIVE_INFINITY;
  const [losses, sharpnesses] = [lossesOf(single), sharpnessOf(single)];
  const off = (own: ReadonlyMap<number, number>, other: ReadonlyMap<number, number>): number =>
    Math.max(
      ...[...own].map(([at, value]) => (at < before && other.has(at) ? Math.abs(value / other.get(at)! - 1) : 0)),
    );
  const [offL, offS] = [off(lossesOf(double), losses), off(sharpnessOf(double), sharpnesses)];
  const crossing = single.sharpness.rows.find(({ values }) => values[0]! > single.sharpness.threshold)?.epoch;
  const stable = paths.rows.filter((row) => row.epoch <= (crossing ?? before));
  const rounding = Math.max(...stable.map(({ distance }) => distance));
  const note =
    paths.device.used === paths.device.wanted
      ? undefined
      : `${paths.device.wanted} computes in float32 alone: the float64 path was computed on ${paths.device.used}.`;
  const where = note === undefined ? {} : { note };
  if (paths.compared === "f64")
    return [
      ruleClaim({
        id: "paths",
        statement: "The float64 path parts from the float32 one after the first instability.",
        source: SOURCE,
        paper: null,
        ours: undefined,
        rule: "needs a float32 path",
        holds: false,
        note: `${paths.device.wanted} computes in float64 anyway: there is no float32 path here.`,
      }),
    ];
  return [
    ruleClaim({
      id: "rounding-while-stable",
      statement: "As long as training is stable the float32 path stays at the float64 one, to rounding.",
      source: SOURCE,
      paper: null,
      ours: crossing === undefined ? undefined : `${roughly(rounding)} up to epoch ${crossing}`,
      // Each step rounds θ once, by 2⁻²⁴ of it at most; √steps of that is a random walk's share, and 4 a margin.
      rule: "until S first exceeds 2/η, ‖Δθ‖/‖θ‖ is below 4·2⁻²⁴·√epochs",
      holds: crossing !== undefined && rounding < 4 * 2 ** -24 * Math.sqrt(crossing),
      ...where,
    }),
    ruleClaim({
      id: "paths",
      statement: "The float64 path parts from the float32 one after the first instability.",
      source: SOURCE,
      paper: null,
      ours:
        epoch === undefined
          ? undefined
          : `parted at epoch ${epoch} (‖Δθ‖/‖θ‖ above ${100 * parted} %); L peaks at ${peaks(single)} in float32, at ${peaks(double)} in float64`,
      rule: `‖Δθ‖/‖θ‖ stays above ${parted} from an epoch on that is later than the first peak of L in float64`,
      holds: epoch !== undefined && epoch > (double.instabilities.snapshots[0]?.peak ?? Number.POSITIVE_INFINITY),
      // Paths that are together at the end may part later: neither way is known.
      ...(epoch === undefined
        ? { note: [together(paths), note].filter((part) => part !== undefined).join(" ") }
        : where),
    }),
    ruleClaim({
      id: "same-until-parted",
      statement: "Until the paths part, loss and sharpness are the same in both precisions.",
      source: SOURCE,
      paper: null,
      ours: `L to ${roughly(100 * offL)} %, S to ${roughly(100 * offS)} %`,
      rule: `before the parting L and S differ by ${100 * AGREEMENT} % at most`,
      holds: Math.max(offL, offS) <= AGREEMENT,
      ...where,
    }),
  ];
}

/** Each of Figure 2's claims on the float64 path, what it came to on the other one beside it. */
function repeatedClaims({ single, double, paths }: PrecisionTables): Claim[] {
  const first = figure2Claims(single);
  const hasSnapshots = double.instabilities.snapshots.length > 0;
  return figure2Claims(double).map((claim, i): Claim => {
    const other = first[i]!;
    // Without an instability what is said of all of them says nothing.
    const isEmpty = !hasSnapshots && claim.ours === "";
    const note = `${nameOf(paths)}: ${other.ours ?? "not testable"} (${other.verdict})`;
    return {
      ...claim,
      id: `float64-${claim.id}`,
      statement: `In float64: ${claim.statement}`,
      ...(isEmpty ? { ours: null, verdict: "not-testable" as const } : {}),
      note,
    };
  });
}

const lossesOf = ({ run }: PrecisionTables["single"]): ReadonlyMap<number, number> =>
  new Map(run.rows.flatMap(({ epoch, loss }) => (loss === null ? [] : [[epoch, loss] as const])));

const sharpnessOf = ({ sharpness }: PrecisionTables["single"]): ReadonlyMap<number, number> =>
  new Map(sharpness.rows.map(({ epoch, values }) => [epoch, values[0]!]));

const together = ({ rows }: PrecisionTables["paths"]): string =>
  `Not parted by epoch ${rows.at(-1)!.epoch}, the last one: ‖Δθ‖/‖θ‖ = ${roughly(rows.at(-1)!.distance)}.`;

const peaks = ({ instabilities }: PrecisionTables["single"]): string =>
  instabilities.snapshots.map(({ peak }) => peak).join(", ") || "no epoch";

function roughly(value: number): string {
  return Number(value.toPrecision(2)).toString();
}
