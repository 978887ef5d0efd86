import { describe, expect, it } from "vitest";
import type { Claim } from "../../src/figures/claims.ts";
import { rankCorrelation } from "../../src/numerics/rank-correlation.ts";
import { correlationsOf } from "../../stages/figures/correlations.ts";
import { sidesOf, thresholdDoubt } from "../../stages/figures/fig05.ts";
import { figure5bData, figure5bSpec } from "../../stages/figures/fig05b.ts";
import { figure5bClaims } from "../../stages/figures/fig05b-claims.ts";
import { type Figure6Tables, figure6Data, figure6Spec, keptAt, switchedOf } from "../../stages/figures/fig06.ts";
import { figure6Claims, figure6Tables } from "../../stages/figures/fig06-claims.ts";
import { cellText, figure7Data, figure7Table, NOT_RUN } from "../../stages/figures/fig07.ts";
import { figure7Claims, figure7Tables } from "../../stages/figures/fig07-claims.ts";
import { imageAssociations, imageClaims } from "../../stages/figures/fig12b-claims.ts";
import {
  type ByEta,
  correlationsByEta,
  type Figure13Tables,
  figure13Data,
  phaseMeans,
} from "../../stages/figures/fig13.ts";
import { figure13Claims, figure13Tables } from "../../stages/figures/fig13-claims.ts";
import type { BigModelTable, ReducedRow, ReducedTable, Study } from "../../stages/figures/image-tables.ts";
import type { EventualSharpness, GeneralizationRow, GeneralizationTable } from "../../stages/figures/model-tables.ts";
import { studyHeading, studyTitle, testedOn, VGG10_5K } from "../../stages/figures/studies.ts";
import {
  EXTREME,
  MINIATURE,
  PAPER_STUDY,
  syntheticBigModels,
  syntheticFigure5b,
  syntheticFigure6,
  syntheticFigure13,
  syntheticImageStable,
  syntheticImages,
  syntheticReduced,
} from "./synthetic-images.ts";

const ids = (claims: readonly Claim[], verdict: Claim["verdict"]): string[] =>
  claims.filter((claim) => claim.verdict === verdict).map(({ id }) => id);

/** Real images, but fewer of them. */
const REDUCED_STUDY: Study = { ...PAPER_STUDY, data: { ...PAPER_STUDY.data, train: 1_000 } };

const OPTIONS = { k: 4, from: 0, upTo: Number.MAX_VALUE };

function withModels<T extends GeneralizationRow>(models: readonly T[]) {
  return { k: 4, models, correlations: correlationsOf(models, OPTIONS) };
}

function mapped(table: GeneralizationTable, change: (model: GeneralizationRow) => Partial<GeneralizationRow>) {
  return withModels(table.models.map((model) => ({ ...model, ...change(model) })));
}

function mappedReduced(change: (model: ReducedRow) => Partial<ReducedRow>): ReducedTable {
  return withModels(syntheticReduced().models.map((model) => ({ ...model, ...change(model) })));
}

describe("the stability threshold", () => {
  const stable = syntheticImageStable();
  const noteOf = (claims: readonly Claim[], id: string) => claims.find((claim) => claim.id === id)!.note ?? "";
  const notes = (runs: readonly EventualSharpness[], study: Study) => [
    noteOf(figure5bClaims({ ...syntheticFigure5b(), stable: runs }, study), "stability-threshold"),
    noteOf(figure13Claims({ ...syntheticFigure13(), stable: runs }, study), "rho-negative-above-edge"),
  ];
  const subtitle = (runs: readonly EventualSharpness[]) =>
    JSON.stringify(figure5bSpec(PAPER_STUDY, { ...syntheticFigure5b(), stable: runs }).title);

  it("is doubted where a run behind it was not completed, or was at the edge of its own learning rate", () => {
    expect(thresholdDoubt(stable)).toBeUndefined();
    const early = stable.map((run, i) => (i === 0 ? { ...run, ending: { reason: "epochs" as const, epoch: 9 } } : run));
    expect(thresholdDoubt(early)).toBe(
      "The stability threshold may lie lower: of 2 stable runs 1 did not complete its training.",
    );
    const at = (limit: number) =>
      stable.map((run) => ({ ...run, maximum: { epoch: 1, sharpness: 2 / (limit * run.after) } }));
    expect(thresholdDoubt(at(1.11))).toBeUndefined();
    expect(thresholdDoubt(at(1.09))).toBe(
      "The stability threshold may lie lower: of 2 stable runs 2 had S above 2/(1.1 η).",
    );
    for (const study of [PAPER_STUDY, MINIATURE]) {
      for (const note of notes(stable, study)) expect(note).not.toContain("may lie lower");
      for (const note of notes(early, study)) expect(note).toContain("1 did not complete its training.");
    }
    expect(subtitle(stable)).not.toContain("may lie lower");
    expect(subtitle(early)).toContain("may lie lower");
  });
});

describe("Figure 5's key and labels", () => {
  const tables = syntheticFigure5b();
  const above = mapped(tables.generalization, () => ({}));
  const only = { ...tables, generalization: { ...above, models: above.models.filter(({ eta }) => eta > 0.0013) } };

  it("show the marks that occur, and keep the label within the axis", () => {
    expect(sidesOf(tables)).toEqual(["below 2/S_max", "above 2/S_max"]);
    expect(sidesOf(only)).toEqual(["above 2/S_max"]);
    const alignAt = (extreme: number) =>
      figure5bData(tables, PAPER_STUDY, extreme).accuracies!.find(({ kind }) => kind === "extreme")!.align;
    expect([alignAt(0.1), alignAt(2.5)]).toEqual(["left", "right"]);
  });
});

describe("a study", () => {
  it("says what was trained on what, and what of it is not the paper's", () => {
    expect(studyTitle(PAPER_STUDY, VGG10_5K)).toBe("VGG10 on CIFAR-10, first 5,000 images");
    expect(studyTitle(REDUCED_STUDY, VGG10_5K)).toBe("VGG10 on CIFAR-10, first 1,000 images (not the paper's data)");
    expect(studyTitle(MINIATURE, VGG10_5K)).toBe(
      "miniature VGG (widths 2, 4, 8) on Fashion-MNIST padded to 32×32×3, first 200 images (not the paper's network and data)",
    );
    expect(studyHeading(PAPER_STUDY, VGG10_5K)).not.toHaveProperty("subtitle");
    expect(studyHeading(MINIATURE, VGG10_5K, { notes: ["N"] }).subtitle).toEqual([
      "Not the paper’s network and data.",
      "N",
    ]);
    const augmented = { ...PAPER_STUDY, data: { ...PAPER_STUDY.data, copies: 10 } };
    expect(studyTitle(augmented, VGG10_5K)).toMatch(/10 augmentations each \(not the paper's data\)$/);
  });

  const claim: Claim = { id: "c", statement: "s", source: "p", paper: 1, ours: 1.23456, rule: "r", verdict: "pass" };

  it("tests numbers where it is the paper's, shapes on the paper's data set, else nothing", () => {
    expect(testedOn(PAPER_STUDY, VGG10_5K, "numbers", claim)).toBe(claim);
    expect(testedOn(REDUCED_STUDY, VGG10_5K, "shape", { ...claim, note: "More." })).toEqual({
      ...claim,
      note: "Tested with VGG10 on CIFAR-10, first 1,000 images, not the paper's data. More.",
    });
    const untested = testedOn(REDUCED_STUDY, VGG10_5K, "numbers", claim);
    expect(untested).toMatchObject({ ours: null, verdict: "not-testable" });
    expect(untested.note).toMatch(/not the paper's data; here it is: 1\.235$/);
    expect(testedOn(MINIATURE, VGG10_5K, "shape", { ...claim, verdict: "fail" }).verdict).toBe("not-testable");
  });

  it("leaves the reason of a claim that was not testable before", () => {
    const before: Claim = { ...claim, ours: null, verdict: "not-testable", note: "why" };
    expect(testedOn(MINIATURE, VGG10_5K, "numbers", before)).toBe(before);
  });
});

describe("Figure 5b", () => {
  const tables = syntheticFigure5b();
  const accuracies = (change: (eta: number, accuracy: number) => number) => ({
    ...tables,
    generalization: mapped(tables.generalization, ({ eta, validationAccuracy: accuracy }) => ({
      validationAccuracy: accuracy && change(eta, accuracy),
    })),
  });

  it("has claims that pass on accuracies of the claimed shape", () => {
    const claims = figure5bClaims(tables, PAPER_STUDY);
    expect(ids(claims, "pass")).toEqual(claims.map(({ id }) => id));
  });

  it("has claims that fail on others", () => {
    const flat = figure5bClaims(
      accuracies(() => 0.31),
      PAPER_STUDY,
    );
    expect(ids(flat, "fail")).toEqual(
      expect.arrayContaining(["rises-past", "falls-in-the-end", "rises-by-ten-points"]),
    );
    const sloped = figure5bClaims(
      accuracies((eta, accuracy) => accuracy + (eta < 0.001 ? 0.1 : 0)),
      PAPER_STUDY,
    );
    expect(ids(sloped, "fail")).toContain("flat-below");
  });

  it("tests the shape alone on fewer images of CIFAR-10, and nothing on others", () => {
    const claims = figure5bClaims(tables, REDUCED_STUDY);
    expect(ids(claims, "pass")).toEqual(["flat-below", "rises-past", "falls-in-the-end"]);
    expect(ids(figure5bClaims(tables, MINIATURE), "not-testable")).toHaveLength(claims.length);
  });

  it("draws the line of the extremely large only where learning rates lie beyond it", () => {
    const kinds = (extreme: number) => figure5bData(tables, PAPER_STUDY, extreme).accuracies!.map(({ kind }) => kind);
    expect(kinds(EXTREME).filter((kind) => kind === "extreme")).toHaveLength(1);
    expect(kinds(10)).not.toContain("extreme");
  });
});

describe("Figure 6", () => {
  const tables = syntheticFigure6();
  const claimsOf = (of: Figure6Tables, study = PAPER_STUDY): Claim[] =>
    (["sharpness", "accuracy"] as const).flatMap((quantity) => figure6Claims(of, study, quantity, EXTREME));

  it("has means over the seeds that went on to completion, at the share of training that had passed", () => {
    const [first] = switchedOf(tables);
    const own = tables.reduced.models.filter(({ eta, reduction }) => eta === first!.eta && reduction.fraction === 0.1);
    expect(first!.seeds).toHaveLength(2);
    expect(first!.sharpness).toBeCloseTo((own[0]!.sharpness! + own[1]!.sharpness!) / 2, 12);
    expect(first!.share).toBeCloseTo(own[0]!.reduction.at! / own[0]!.reduction.of, 12);
    const lost = mappedReduced(({ seed }) => (seed === 1 ? { ending: { reason: "epochs", epoch: 9 } } : {}));
    expect(switchedOf({ ...tables, reduced: lost })[0]!.seeds).toHaveLength(1);
    const none = mappedReduced(({ reduction }) => ({ reduction: { ...reduction, at: null } }));
    expect(switchedOf({ ...tables, reduced: none })).toEqual([]);
  });

  it("compares with the same seeds at η₀ and at η_small throughout, where they are", () => {
    // 0.021 is written to two digits, the grid has 0.02097.
    expect(keptAt(0.021, tables)!.seeds.map(({ seed }) => seed)).toEqual([0, 1]);
    expect(keptAt(7, tables)).toBeUndefined();
    const alone = figure6Data({ ...tables, constant: withModels([]) }, "accuracy", EXTREME);
    expect([alone.kept, alone.level].map((rows) => rows!.map(({ hidden }) => hidden))).toEqual([[true], [true]]);
  });

  it("tells a mean from what one model alone ended with", () => {
    const drawn = (of: Figure6Tables) => figure6Data(of, "accuracy", EXTREME);
    const words = (of: Figure6Tables) => JSON.stringify(figure6Spec(of, PAPER_STUDY, "accuracy", EXTREME));
    expect(drawn(tables).means!.every(({ count }) => count === 2)).toBe(true);
    expect(words(tables)).not.toContain("one model");
    const lost = mappedReduced(({ seed }) => (seed === 1 ? { ending: { reason: "epochs", epoch: 9 } } : {}));
    const single = { reduced: lost, constant: withModels(tables.constant.models.filter(({ seed }) => seed === 0)) };
    const { means, kept, level } = drawn(single);
    expect([...means!, ...kept!].every(({ count }) => count === 1)).toBe(true);
    expect(level![0]!.count).toBe(1);
    expect(words(single)).toContain(
      "Means over initialisations; open: one model only. Horizontal: η = 0.021 throughout (one model).",
    );
    expect(figure6Tables(single, PAPER_STUDY, "accuracy")[0]!.note).toContain("63 of 63 values are of one model only.");
  });

  it("has claims that pass on values of the claimed shape", () => {
    const claims = claimsOf(tables);
    expect(ids(claims, "pass")).toEqual(claims.map(({ id }) => id));
  });

  it("has claims that fail where time does not matter, or harms", () => {
    const steady = mappedReduced(({ eta }) => ({ sharpness: 10 + eta, validationAccuracy: 0.4 }));
    const failing = ids(claimsOf({ ...tables, reduced: steady }), "fail");
    expect(failing).toEqual([
      "falls-with-time",
      "falls-with-eta",
      "rises-with-time",
      "flatter-generalizes",
      "diminishing-returns",
      "late-switch-of-extreme",
    ]);
    const sharp = mappedReduced(({ sharpness }) => ({ sharpness: sharpness! * 100 }));
    expect(ids(claimsOf({ ...tables, reduced: sharp }), "fail")).toEqual(["flatter-than-small"]);
  });

  it("says what it cannot test", () => {
    const models = tables.reduced.models.filter(({ eta, reduction }) => eta < EXTREME && reduction.fraction === 0.5);
    const few = { reduced: withModels(models.slice(0, 2)), constant: withModels([]) };
    expect(ids(claimsOf(few), "not-testable")).toHaveLength(7);
    // Of nothing, nothing holds: not even that all of it is flatter.
    expect(ids(claimsOf({ ...tables, reduced: withModels([]) }), "not-testable")).toHaveLength(7);
    expect(ids(claimsOf(tables, MINIATURE), "not-testable")).toHaveLength(7);
  });

  it("has what it draws as a table", () => {
    const [table] = figure6Tables(tables, PAPER_STUDY, "accuracy");
    expect(table!.columns).toEqual(["10 %", "30 %", "50 %", "70 %", "80 %", "90 %", "kept"]);
    expect(table!.rows.every(({ ours, paper }) => ours.length === 7 && paper.every((value) => value === null))).toBe(
      true,
    );
  });
});

describe("Figure 7", () => {
  const models = syntheticBigModels();
  const claimsOf = (of: readonly BigModelTable[]): Claim[] => figure7Claims(figure7Table(of));

  it("has the paper's numbers, and ours where they were run", () => {
    const { rows } = figure7Table(models.filter(({ row }) => row === "vgg19-50k"));
    expect(rows[0]!.cells.map(({ eta, paper, ours }) => [eta, paper, ours]).slice(0, 2)).toEqual([
      [0.1, 67.09, 67.4],
      [0.2, 68.36, 68.1],
    ]);
    expect(rows[0]!.cells.at(-1)).toEqual({ eta: 6.4, paper: null, ours: null, seeds: 1, state: "diverged" });
    expect(rows[1]!.cells.every((cell) => cellText(cell) === NOT_RUN)).toBe(true);
    expect(rows.map(({ isPapers }) => isPapers)).toEqual([true, false, false, false, false]);
    expect(rows.flatMap(({ cells }) => cells).filter(({ paper }) => paper !== null)).toHaveLength(26);
  });

  it("has the mean over seeds, and marks what was not completed", () => {
    const [first] = models;
    const twice = [
      first!,
      { ...first!, seed: 1, validationAccuracy: 0.7, ending: { reason: "epochs", epoch: 9 } },
    ] as const;
    const cell = figure7Table(twice).rows[0]!.cells[0]!;
    expect(cell).toMatchObject({ ours: 68.7, seeds: 2, state: "incomplete" });
    expect(cellText(cell)).toBe("68.70†");
  });

  it("writes in each cell what stands there: the paper's, ours, and what our rows were trained with", () => {
    const miniature = models.filter(({ row }) => row === "vgg19-50k").map((model) => ({ ...model, study: MINIATURE }));
    const { cells } = figure7Data(figure7Table(miniature));
    expect(cells![0]).toMatchObject({ eta: "η = 0.1", paper: "67.09", ours: "67.40" });
    expect(cells![0]!.label).toMatch(/^VGG19 on CIFAR10-50k\nours: miniature VGG/);
    expect(cells!.at(-1)).toMatchObject({ paper: "n.a.", ours: "not run at\nthis profile" });
  });

  it("has claims that pass near the paper's numbers and fail off them", () => {
    const claims = claimsOf(models);
    expect(ids(claims, "pass")).toEqual(claims.map(({ id }) => id));
    const opposite = models.map((model) => ({
      ...model,
      validationAccuracy: model.validationAccuracy && 1 - model.validationAccuracy,
    }));
    const failing = ids(claimsOf(opposite), "fail");
    expect(failing).toHaveLength(claims.length);
  });

  it("compares only models that completed their training", () => {
    const ended = models.map((model) => ({ ...model, ending: { reason: "epochs", epoch: 9 } as const }));
    expect(ids(claimsOf(ended), "not-testable")).toHaveLength(claimsOf(ended).length);
  });

  it("tests the order, not the numbers, on fewer images of CIFAR-10, and nothing on others", () => {
    const fewer = (change: Partial<Study["data"]>) =>
      models.map((model) => ({ ...model, study: { ...model.study, data: { ...model.study.data, ...change } } }));
    expect(ids(claimsOf(fewer({ train: 2_000 })), "not-testable").every((id) => id.startsWith("accuracies@"))).toBe(
      true,
    );
    expect(ids(claimsOf(fewer({ train: 2_000 })), "pass")).toHaveLength(8);
    expect(ids(claimsOf(fewer({ name: "fashion-mnist" })), "pass")).toEqual([]);
  });

  it("has a table for the report with a word in every cell that was not run", () => {
    const [table] = figure7Tables(figure7Table([]));
    expect(table!.rows.flatMap(({ ours }) => ours).every((value) => value === NOT_RUN)).toBe(true);
    expect(table!.rows[3]!.paper).toEqual(["n.a.", "n.a.", 83.01, 83.52, 84.56, 84.98]);
  });
});

describe("Figures 12b and 12c", () => {
  /** Accuracies on a line with noise that leaves the wanted rank correlation. */
  const noisy = (table: GeneralizationTable, amount: number): GeneralizationTable =>
    mapped(table, ({ eta, seed, validationAccuracy }) => ({
      validationAccuracy: validationAccuracy && validationAccuracy + amount * Math.sin(1000 * eta + 77 * seed),
    }));

  it("have claims about signs that pass, and fail on their opposites", () => {
    for (const [table, regime] of [
      [syntheticImages(), "constant"],
      [syntheticReduced(), "reduced"],
    ] as const) {
      const signs = (of: GeneralizationTable, verdict: Claim["verdict"]): string[] =>
        ids(imageClaims(of, PAPER_STUDY, regime), verdict).filter((id) => id.startsWith("sign"));
      expect(signs(table, "pass")).toEqual(["sign-eta", "sign-sharpness", "sign-rho"]);
      const opposite = mapped(table, ({ validationAccuracy: accuracy }) => ({
        validationAccuracy: accuracy && 1 - accuracy,
      }));
      expect(signs(opposite, "fail")).toHaveLength(3);
    }
  });

  it("find the paper's values within their intervals where correlations are as the paper's", () => {
    const claims = imageClaims(noisy(syntheticImages(), 0.016), PAPER_STUDY, "constant");
    expect(ids(claims, "pass")).toEqual(claims.map(({ id }) => id));
    const weak = imageClaims(noisy(syntheticImages(), 0.3), PAPER_STUDY, "constant");
    expect(ids(weak, "fail")).toEqual(
      expect.arrayContaining(["stronger-than-mlp", "value-eta", "value-sharpness", "value-rho"]),
    );
  });

  it("find ρ the strongest where η was reduced only where it is", () => {
    const verdict = (table: GeneralizationTable) =>
      imageClaims(table, PAPER_STUDY, "reduced").find(({ id }) => id === "rho-strongest")!.verdict;
    const exact = mappedReduced(({ similarity, validationAccuracy }) => ({
      similarity: similarity && { ...similarity, lowest: [1, 2, 3, 4].map(() => 1 - validationAccuracy!) },
    }));
    expect(verdict(exact)).toBe("pass");
    const lost = mappedReduced(({ similarity, seed, eta }) => ({
      similarity: similarity && {
        ...similarity,
        lowest: [1, 2, 3, 4].map(() => Math.sin(99 * eta + 7 * seed) / 2 + 0.5),
      },
    }));
    expect(verdict(lost)).toBe("fail");
  });

  it("have the paper's row beside ours, with intervals, and say whose ours is", () => {
    const [table] = imageAssociations(syntheticReduced(), MINIATURE, "reduced");
    expect(table!.rows).toHaveLength(1);
    expect(table!.rows[0]!.paper).toEqual([0.7263, -0.7763, -0.82]);
    expect(String(table!.rows[0]!.ours[2])).toMatch(/^−0\.\d\d \[−0\.\d\d, −0\.\d\d\]$/);
    expect(table!.note).toMatch(/^Ours: miniature VGG .*\(not the paper's network and data\)\./);
  });
});

describe("Figure 13", () => {
  const tables = syntheticFigure13();
  const withSeeds = (count: number): Figure13Tables => ({
    ...tables,
    generalization: withModels(tables.generalization.models.filter(({ seed }) => seed < count)),
  });

  it("has the rank correlation over the seeds of each learning rate, in its phase", () => {
    const all = correlationsByEta(tables);
    const own = tables.generalization.models.filter(({ eta }) => eta === 0.1374);
    const wanted = rankCorrelation(
      own.map(({ similarity }) => similarity!.lowest![2]!),
      own.map(({ validationAccuracy }) => validationAccuracy!),
    );
    const found = all.find(({ eta, predictor }) => eta === 0.1374 && predictor === "rho")!;
    expect(found).toMatchObject({ phase: "above", count: 9, value: wanted.value, low: wanted.low });
    // The lowest learning rate is what ρ refers to.
    expect(all.filter(({ predictor }) => predictor === "rho")).toHaveLength(7);
    const phases = all.filter(({ predictor }) => predictor === "sharpness").map(({ phase }) => phase);
    expect(phases).toEqual(["stable", "stable", "above", "above", "above", "above", "extreme", "extreme"]);
    // A learning rate that is the threshold's own is stable, one at the line is extremely large.
    expect(correlationsByEta({ ...tables, extreme: 0.1374 }).filter(({ phase }) => phase === "extreme")).toHaveLength(
      8,
    );
  });

  it("has means over a phase's learning rates; their interval shrinks with their number, and covers", () => {
    const of = (value: number, eta = 1): ByEta => ({
      eta,
      predictor: "rho",
      phase: "above",
      value,
      low: -0.9,
      high: 0.9,
      count: 9,
    });
    expect(phaseMeans([of(0.2)])).toEqual([
      { phase: "above", predictor: "rho", value: 0.2, low: -0.9, high: 0.9, count: 1 },
    ]);
    // Uncorrelated: atanh r has variance 1/6, and so has r; of four, 1/24.
    const [four] = phaseMeans([of(0), of(0), of(0), of(0)]);
    expect(four!.high! - four!.low!).toBeCloseTo(2 * 1.959963984540054 * Math.sqrt(1 / 24), 12);
    // A perfect order is no certainty.
    const [perfect] = phaseMeans([of(1), of(1)]);
    expect(perfect!.high).toBe(1);
    expect(perfect!.low).toBeLessThan(1);
    // Three models have no interval.
    const [few] = phaseMeans([of(0.5), { ...of(-0.5), low: null, high: null, count: 3 }]);
    expect(few).toMatchObject({ value: 0, low: null, high: null });
  });

  it("has claims that pass on the claimed signs and fail on others", () => {
    const verdicts = Object.fromEntries(figure13Claims(tables, PAPER_STUDY).map(({ id, verdict }) => [id, verdict]));
    expect(verdicts).toEqual({
      "rho-negative-above-edge": "pass",
      "rho-before-sharpness": "pass",
      "mean-rho@phase=above": "pass",
      "mean-sharpness@phase=above": "pass",
      "mean-rho@phase=extreme": "pass",
      "mean-sharpness@phase=extreme": "fail",
      "nine-seeds": "pass",
    });
    const opposite = {
      ...tables,
      generalization: mapped(tables.generalization, ({ validationAccuracy }) => ({
        validationAccuracy: 1 - validationAccuracy!,
      })),
    };
    expect(ids(figure13Claims(opposite, PAPER_STUDY), "fail")).toEqual([
      "rho-negative-above-edge",
      "rho-before-sharpness",
      "mean-rho@phase=above",
      "mean-sharpness@phase=above",
    ]);
  });

  it("says what it cannot test: with few seeds, without a phase, on other data", () => {
    expect(ids(figure13Claims(withSeeds(4), PAPER_STUDY), "not-testable")).toEqual(["nine-seeds"]);
    expect(ids(figure13Claims({ ...tables, extreme: 100 }, PAPER_STUDY), "not-testable")).toEqual([
      "mean-rho@phase=extreme",
      "mean-sharpness@phase=extreme",
    ]);
    expect(ids(figure13Claims(tables, MINIATURE), "pass")).toEqual(["nine-seeds"]);
    expect(correlationsByEta(withSeeds(2))).toEqual([]);
  });

  it("draws each phase's mean over its own learning rates, and no edge outside of them", () => {
    const data = figure13Data(tables);
    const stable = data.rhoMeans!.find(({ phase }) => phase === "stable")!;
    expect([stable.from, stable.to]).toEqual([0.001 / 1.15, 0.001 * 1.15]);
    expect(data.edges!.map(({ hidden }) => hidden)).toEqual([false, false]);
    expect(figure13Data({ ...tables, extreme: 50 }).edges!.map(({ hidden }) => hidden)).toEqual([false, true]);
    expect(figure13Data({ ...tables, extreme: 50 }).means!.at(-1)).toMatchObject({ ours: NOT_RUN, state: "not-run" });
    // Learning rates that were run, but of whose models none has a ρ.
    const models = tables.generalization.models.map((model) => ({ ...model, similarity: null }));
    const { means } = figure13Data({ ...tables, generalization: { ...tables.generalization, models } });
    expect(means![0]).toMatchObject({ phase: "stable", predictor: "ρ", ours: "not defined", state: "not-run" });
  });

  it("has the paper's table of means, and each learning rate's correlations with intervals", () => {
    const [means, each] = figure13Tables(tables, PAPER_STUDY);
    expect(means!.rows.map(({ paper }) => paper)).toEqual([
      [null, null],
      [-0.4, 0.56],
      [-0.03, -0.27],
    ]);
    expect(each!.rows).toHaveLength(8);
    expect(each!.rows[0]).toMatchObject({
      label: "η = 0.0005, stable",
      ours: [null, expect.stringMatching(/, 9 models$/)],
    });
  });
});
