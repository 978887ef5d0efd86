/** Which of the paper's statements a study can test: by the data and the network that it used. */
import type { Claim } from "../../src/figures/claims.ts";
import type { Study } from "./image-tables.ts";

/** Figures 5b, 6, 12b, 12c and 13 (paper, appendix F). */
export const VGG10_5K: Study = {
  network: "VGG10",
  data: { name: "cifar-10", train: 5_000, test: 1_000, copies: 1 },
};

export function isStudy(study: Study, paper: Study): boolean {
  const { name, train, test, copies } = study.data;
  const wanted = paper.data;
  return (
    study.network === paper.network &&
    name === wanted.name &&
    train === wanted.train &&
    test === wanted.test &&
    copies === wanted.copies
  );
}

const DATA_TITLES: Readonly<Record<string, string>> = {
  "cifar-10": "CIFAR-10",
  "fashion-mnist": "Fashion-MNIST padded to 32×32×3",
};

/** "VGG10 on CIFAR-10, first 5,000 images"; and that it is not the paper's, where it is not. */
export function studyTitle(study: Study, paper: Study): string {
  return isStudy(study, paper) ? named(study) : `${named(study)} (not the paper's ${difference(study, paper)})`;
}

/** A title of Vega-Lite's over all panels. */
export interface Heading {
  readonly text: string;
  /** Lines below it. */
  readonly subtitle?: readonly string[];
  /** px */
  readonly offset: number;
}

export function heading(text: string, ...subtitle: readonly string[]): Heading {
  return { text, offset: 14, ...(subtitle.length === 0 ? {} : { subtitle }) };
}

/** The same as a figure's heading, `ending` behind it, in more lines where it has to say more. It is typeset, and so has ’. */
export function studyHeading(
  study: Study,
  paper: Study,
  { ending = "", notes = [] }: { readonly ending?: string; readonly notes?: readonly string[] } = {},
): Heading {
  const name = named(study);
  const text = `${name[0]!.toUpperCase()}${name.slice(1)}${ending}`;
  const remark = isStudy(study, paper) ? [] : [`Not the paper’s ${difference(study, paper)}.`];
  return heading(text, ...remark, ...notes);
}

function named({ network, data }: Study): string {
  const { name, train, copies } = data;
  const augmented = copies === 1 ? "" : `, ${copies} augmentations each`;
  return `${network} on ${DATA_TITLES[name] ?? name}, first ${grouped(train)} images${augmented}`;
}

export const grouped = (count: number): string => count.toLocaleString("en-US");

function difference(study: Study, paper: Study): string {
  const parts = [study.network === paper.network ? [] : ["network"], isSameData(study, paper) ? [] : ["data"]].flat();
  return parts.join(" and ");
}

function isSameData(study: Study, paper: Study): boolean {
  return isStudy({ ...study, network: paper.network }, paper);
}

/**
 * What a claim rests on. `numbers`: on the paper's very study, network and data. `shape`: on the paper's data set, of any
 * size, and any network: what the paper shows there it states in general.
 */
export type Basis = "numbers" | "shape";

/** The claim where the study can test it; else the same, not testable, with what was found in its note. */
export function testedOn(study: Study, paper: Study, basis: Basis, claim: Claim): Claim {
  // What a profile does not compute says so itself.
  if (isStudy(study, paper) || claim.verdict === "not-testable") return claim;
  if (basis === "shape" && study.data.name === paper.data.name) {
    const remark = `Tested with ${named(study)}, not the paper's ${difference(study, paper)}.`;
    return { ...claim, note: [remark, claim.note].filter((part) => part !== undefined).join(" ") };
  }
  const lack = `not testable at this profile: ${named(study)}, not the paper's ${difference(study, paper)}`;
  const found = typeof claim.ours === "number" ? Number(claim.ours.toPrecision(4)) : claim.ours;
  return { ...claim, ours: null, verdict: "not-testable", note: `${lack}; here it is: ${found}` };
}

/** A claim that compares several studies: the one that is farthest from the paper's decides. */
export function testedOnAll(
  studies: readonly { readonly study: Study; readonly paper: Study }[],
  basis: Basis,
  claim: Claim,
): Claim {
  const others = studies.filter(({ study, paper }) => !isStudy(study, paper));
  const farthest = others.find(({ study, paper }) => study.data.name !== paper.data.name) ?? others[0];
  return farthest === undefined ? claim : testedOn(farthest.study, farthest.paper, basis, claim);
}
