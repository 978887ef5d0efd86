import { describe, expect, it } from "vitest";
import { rankCorrelation } from "../../src/numerics/rank-correlation.ts";
import { comparable, correlationsOf, HEADLINE } from "../../stages/figures/correlations.ts";
import { baseline, type Figure4Tables, figure4Data, flattenings } from "../../stages/figures/fig04.ts";
import { figure4Claims, figure4Tables } from "../../stages/figures/fig04-claims.ts";
import { meanAccuracies, stabilityThreshold } from "../../stages/figures/fig05.ts";
import { figure5aData } from "../../stages/figures/fig05a.ts";
import { figure5aClaims } from "../../stages/figures/fig05a-claims.ts";
import { correlation, figure12Data, signed, worded } from "../../stages/figures/fig12.ts";
import { figure12Tables } from "../../stages/figures/fig12-claims.ts";
import { figure12aSpec, MLP_ROW } from "../../stages/figures/fig12a.ts";
import { figure12aClaims } from "../../stages/figures/fig12a-claims.ts";
import type { GeneralizationRow, GeneralizationTable } from "../../stages/figures/model-tables.ts";
import { ETAS, syntheticFlattening, syntheticGeneralization } from "./synthetic-models.ts";

type Claims = ReturnType<typeof figure4Claims>;
const withVerdict = (claims: Claims, wanted: string): string[] =>
  claims.filter(({ verdict }) => verdict === wanted).map(({ id }) => id);

const stable = syntheticFlattening().stable;
const UP_TO = 0.211;

function withModels(change: (model: GeneralizationRow) => GeneralizationRow): GeneralizationTable {
  const models = syntheticGeneralization().models.map(change);
  return { k: 4, models, correlations: correlationsOf(models, { k: 4, from: 0.01, upTo: UP_TO }) };
}
const withoutWholeSet = (): GeneralizationTable => withModels((model) => ({ ...model, validationAccuracyAll: null }));

describe("Figure 4", () => {
  const mapped = (top: (before: number, at: number, top: number) => number): Figure4Tables => {
    const { reduced, ...rest } = syntheticFlattening();
    return {
      ...rest,
      reduced: reduced.map((run) => ({
        ...run,
        maximum: run.maximum && { ...run.maximum, sharpness: top(run.before, run.at, run.maximum.sharpness) },
      })),
    };
  };

  it("draws means over seeds, and leaves out runs that ended before their switch", () => {
    const { reduced, stable: references } = syntheticFlattening();
    const ended = reduced.map((run) => (run.before === 0.2 && run.at === 200 ? { ...run, maximum: null } : run));
    const found = flattenings({ reduced: ended, stable: references });
    expect(found.find(({ eta, at }) => eta === 0.05 && at === 50)?.sharpness).toBe(162);
    expect(found.filter(({ eta }) => eta === 0.2).map(({ at }) => at)).toEqual([50, 100]);
    expect(baseline({ reduced, stable: references })).toBe(195.5);
    expect(figure4Data({ reduced: ended, stable: references }).means).toHaveLength(8);
  });

  it("takes the baseline from the reduced runs' own seeds", () => {
    const { reduced, stable: references } = syntheticFlattening();
    expect(baseline({ reduced: reduced.filter(({ seed }) => seed === 1), stable: references })).toBe(196);
    expect(baseline({ reduced: reduced.map((run) => ({ ...run, seed: 9 })), stable: references })).toBe(195.5);
  });

  it("has claims that pass on values of the claimed shape and fail on others", () => {
    expect(withVerdict(figure4Claims(syntheticFlattening()), "pass")).toHaveLength(5);
    expect(withVerdict(figure4Claims(mapped((_, at) => at / 4 + 1)), "fail")).toEqual([
      "falls-with-time",
      "falls-with-eta",
      "independent-values",
    ]);
    expect(withVerdict(figure4Claims(mapped((before, at) => 100 + 200 * before * (1 - at / 400))), "fail")).toContain(
      "falls-with-eta",
    );
    expect(withVerdict(figure4Claims(mapped((_, __, top) => 3 * top)), "fail")).toEqual([
      "flatter-than-stable",
      "independent-values",
    ]);
  });

  it("has the independent run's numbers beside ours", () => {
    const [table] = figure4Tables(syntheticFlattening());
    expect(table!.columns).toEqual(["epoch 50", "epoch 100", "epoch 200", "epoch 400"]);
    expect(table!.rows[0]).toEqual({ label: "η₀ = 0.05", paper: [161, 134, 91, 52], ours: [162, 135, 92, null] });
  });
});

describe("correlations", () => {
  it("are those of the complete models on the paper's grid", () => {
    const table = syntheticGeneralization();
    const models = table.models.filter(({ eta, ending }) => eta >= 0.01 && ending.reason === "complete");
    expect(comparable(table.models, 0.01)).toEqual(models);
    const own = rankCorrelation(
      models.map(({ sharpness }) => sharpness!),
      models.map((model) => model.validationAccuracyAll!),
    );
    expect(correlation(table, "sharpness", "all")).toMatchObject(own);
    expect(correlation(table, "eta", "all", UP_TO)?.count).toBe(models.filter(({ eta }) => eta <= UP_TO).length);
  });

  it("of ρ leave out the lowest rate, which is compared with itself", () => {
    const table = withModels((model) => ({ ...model, eta: 10 * model.eta }));
    expect(correlation(table, HEADLINE, "all")!.count).toBe(correlation(table, "eta", "all")!.count - 5);
  });

  it("are null where nothing varies", () => {
    const table = withModels((model) => ({ ...model, validationAccuracyAll: model.sharpness === null ? null : 0.5 }));
    expect(correlation(table, "eta", "all")).toMatchObject({ value: null, low: null, high: null });
    expect(worded(correlation(table, "eta", "all")!)).toBe("not defined");
  });
});

describe("Figure 5a", () => {
  const tables = { generalization: syntheticGeneralization(), stable };

  it("marks models by the stability threshold, and shows those that did not complete their training", () => {
    const threshold = stabilityThreshold(stable);
    expect(threshold).toBeCloseTo(2 / 195.5, 12);
    const { accuracies } = figure5aData(tables);
    const models = accuracies!.filter(({ kind }) => kind === "model");
    for (const { eta, side } of models) expect(side === "above 2/S_max").toBe((eta as number) > threshold);
    expect(models).toHaveLength(2 * 5 * (ETAS.length - 1));
    expect(accuracies!.filter(({ kind }) => kind === "incomplete")).toHaveLength(2 * 5);
    const embedded = figure5aData({ ...tables, generalization: withoutWholeSet() });
    expect(new Set(embedded.accuracies!.map(({ panel }) => panel)).size).toBe(1);
  });

  it("has means over the models that ended", () => {
    const { models } = tables.generalization;
    const own = models.filter(({ eta }) => eta === 0.0985).map((model) => model.validationAccuracyAll!);
    const mean = meanAccuracies("all", tables.generalization).find(({ eta }) => eta === 0.0985)!;
    expect(mean.accuracy).toBeCloseTo(own.reduce((sum, value) => sum + value, 0) / 5, 14);
    expect(mean).toMatchObject({ count: 5, trained: 5 });
  });

  it("has claims that pass on accuracies of the claimed shape", () => {
    const claims = figure5aClaims(tables);
    expect(withVerdict(claims, "fail")).toEqual([]);
    expect(withVerdict(claims, "not-testable")).toEqual(["models"]);
  });

  it("has claims that fail where accuracy is flat throughout, or varies below the threshold", () => {
    const flat = withModels((model) => ({ ...model, validationAccuracyAll: model.sharpness === null ? null : 0.777 }));
    expect(withVerdict(figure5aClaims({ ...tables, generalization: flat }), "fail")).toEqual([
      "rises-past@samples=all",
      "falls-in-the-end@samples=all",
      "accuracy@eta=0.098",
      "accuracy@eta=0.211",
    ]);
    const rough = withModels((model) =>
      model.eta === 0.002 ? { ...model, validationAccuracyAll: 0.77, validationAccuracy: 0.7 } : model,
    );
    expect(withVerdict(figure5aClaims({ ...tables, generalization: rough }), "fail")).toEqual([
      "flat-below@samples=paper",
      "flat-below@samples=all",
    ]);
  });

  it("says what it cannot test: without the whole test set, without the grid's ends", () => {
    const untested = withVerdict(figure5aClaims({ ...tables, generalization: withoutWholeSet() }), "not-testable");
    expect(untested.filter((id) => id.includes("=all") || id.startsWith("accuracy"))).toHaveLength(9);
    const middle = syntheticGeneralization().models.filter(({ eta }) => eta > 0.0101 && eta < 0.4);
    const generalization = { k: 4, models: middle, correlations: [] };
    expect(withVerdict(figure5aClaims({ ...tables, generalization }), "not-testable")).toEqual(
      expect.arrayContaining(["largest-eta", "flat-below@samples=all", "falls-in-the-end@samples=all"]),
    );
  });
});

describe("Figure 12a", () => {
  it("has claims that pass on correlations of the claimed signs, and fail on their opposites", () => {
    const table = syntheticGeneralization();
    const claims = figure12aClaims(table, UP_TO);
    expect(withVerdict(claims, "pass").filter((id) => id.startsWith("sign"))).toHaveLength(6);
    const opposite = withModels((model) => ({
      ...model,
      validationAccuracy: model.validationAccuracy && 1 - model.validationAccuracy,
      validationAccuracyAll: model.validationAccuracyAll && 1 - model.validationAccuracyAll,
    }));
    const failing = withVerdict(figure12aClaims(opposite, UP_TO), "fail");
    expect(failing.filter((id) => id.startsWith("sign"))).toHaveLength(6);
    expect(failing).toEqual(expect.arrayContaining(["independent-eta", "independent-sharpness"]));
  });

  it("finds the three strengths alike only where their intervals meet", () => {
    const claim = (table: GeneralizationTable): string | undefined =>
      figure12aClaims(table, UP_TO).find(({ id }) => id === "similar-strengths@samples=all")?.verdict;
    const noise = (model: GeneralizationRow): number => Math.sin(1000 * model.eta + 77 * model.seed);
    expect(
      claim(withModels((model) => ({ ...model, sharpness: model.sharpness && -model.validationAccuracyAll! }))),
    ).toBe("fail");
    expect(claim(withModels((model) => ({ ...model, sharpness: model.sharpness && noise(model) })))).toBe("fail");
    expect(claim(withModels((model) => ({ ...model, sharpness: model.sharpness && 1 / model.eta })))).toBe("pass");
  });

  it("without the whole test set says so, and draws the paper's samples", () => {
    const claims = figure12aClaims(withoutWholeSet(), UP_TO);
    expect(withVerdict(claims, "not-testable")).toHaveLength(6);
    const data = figure12Data(withoutWholeSet(), MLP_ROW, 0.01);
    expect(data.models![0]!.accuracy).toBe(comparable(withoutWholeSet().models, 0.01)[0]!.validationAccuracy);
    expect(data.correlations!.some(({ series }) => series === "whole test set")).toBe(false);
  });

  it("lists in its legend what it draws, and nothing else", () => {
    const domain = (table: GeneralizationTable): unknown =>
      /"domain":(\["[^\]]*\])/.exec(JSON.stringify(figure12aSpec(table, 0.01)))?.[1];
    expect(domain(syntheticGeneralization())).toBe('["200 test samples","whole test set","paper"]');
    expect(domain(withoutWholeSet())).toBe('["200 test samples","paper"]');
  });

  it("has the paper's table with ours beside it", () => {
    const [table] = figure12Tables(syntheticGeneralization(), MLP_ROW);
    expect(table!.rows.map(({ paper }) => paper)).toEqual([
      [0.595, -0.593, -0.61],
      [0.595, -0.593, -0.61],
    ]);
    expect(String(table!.rows[1]!.ours[1])).toMatch(/^−0\.\d\d \[−0\.\d\d, −0\.\d\d\]$/);
    expect([signed(0.5), signed(-0.125)]).toEqual(["+0.50", "−0.13"]);
  });
});
