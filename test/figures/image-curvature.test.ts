import { describe, expect, it } from "vitest";
import {
  type ImageCurvatureTables,
  imageDensityData,
  imageDensitySpec,
  imageLayersData,
  measuredModels,
} from "../../stages/figures/image-curvature.ts";
import { imageDensityClaims, imageLayersClaims } from "../../stages/figures/image-curvature-claims.ts";
import { PARAMETERS, spectrumOf, syntheticImageCurvature } from "./synthetic-curvature.ts";
import { MINIATURE } from "./synthetic-images.ts";

const verdicts = (claims: readonly { readonly id: string; readonly verdict: string }[]): Record<string, string> =>
  Object.fromEntries(claims.map(({ id, verdict }) => [id, verdict]));

/** The first model with something else found. */
async function changed(found: object): Promise<ImageCurvatureTables> {
  const { curvature, spectra } = await syntheticImageCurvature();
  return {
    spectra,
    curvature: curvature.map((table, i) => (i === 0 ? { ...table, found: { ...table.found!, ...found } } : table)),
  };
}

describe("image-density", () => {
  it("draws the models that completed their training, in units of 2/η, and says which are missing", async () => {
    const tables = await syntheticImageCurvature();
    const { spectrum, trace } = imageDensityData(tables, 0.01);
    expect([...new Set(spectrum!.map(({ model }) => model))]).toEqual([
      "η = 0.05: 2/η = 40, S = 38 after 90 epochs",
      "η = 0.1: 2/η = 20, S = 55 after 90 epochs",
    ]);
    const ticks = spectrum!.filter(({ kind, order }) => kind === "eigenvalue" && order === 1);
    const largest = Math.max(...ticks.map(({ eigenvalue }) => eigenvalue as number));
    expect(Math.abs(largest - 55 / 20)).toBeLessThan(1e-6);
    expect(trace!.filter(({ way }) => way === "Hutch++").map((row) => row.trace)).toEqual(
      [40, 20].map((unit, i) => spectrumOf((["before", "peak"] as const)[i]!).reduce((a, b) => a + b, 0) / unit),
    );
    expect(JSON.stringify(imageDensitySpec(MINIATURE, tables))).toContain("not completed: η = 1 (diverged).");
    const curve = spectrum!.filter(({ kind, order }) => kind === "density" && order === 0);
    const at = curve.map((row) => row.eigenvalue as number);
    const area = curve.slice(1).reduce((total, row, i) => {
      const mean = ((row.density as number) + (curve[i]!.density as number)) / 2;
      return total + mean * (at[i + 1]! - at[i]!);
    }, 0);
    // The floor, three tenths of one eigenvalue's peak, is drawn over all of the axis, in which 1 is the threshold.
    const floor = 0.3 / (PARAMETERS * 0.01 * Math.sqrt(2 * Math.PI));
    expect(Math.abs(area - 1)).toBeLessThan(floor * (at.at(-1)! - at[0]!) + 1e-3);
  });

  it("holds what Lanczos, Hutch++ and the eigensolver found against one another", async () => {
    const claims = imageDensityClaims(await syntheticImageCurvature());
    expect(verdicts(claims)).toEqual({ mass: "pass", top: "pass", trace: "pass", "squared-norm": "pass" });
    const { curvature, spectra } = await syntheticImageCurvature();
    const { found } = curvature[0]!;
    const halved = found!.quadratures.map((probe) => ({ ...probe, weights: probe.weights.map((w) => w / 2) }));
    expect(verdicts(imageDensityClaims(await changed({ quadratures: halved })))).toMatchObject({ mass: "fail" });
    const higher = { ...found!.trace, value: 10 * found!.trace.value };
    expect(verdicts(imageDensityClaims(await changed({ trace: higher })))).toMatchObject({
      trace: "fail",
      "squared-norm": "pass",
    });
    const sharper = spectra.map((row) => ({ ...row, values: row.values.map((value) => 1.01 * value) }));
    expect(verdicts(imageDensityClaims({ curvature, spectra: sharper }))).toMatchObject({ top: "fail" });
  });

  it("tests nothing where no model completed its training", async () => {
    const { curvature, spectra } = await syntheticImageCurvature();
    const none = { curvature: curvature.map((table) => ({ ...table, found: null })), spectra };
    for (const { verdict, note } of [...imageDensityClaims(none), ...imageLayersClaims(none)])
      expect([verdict, note]).toEqual(["not-testable", "no model completed its training"]);
  });
});

describe("image-layers", () => {
  it("draws each layer's share of the same model's sharpness", async () => {
    const tables = await syntheticImageCurvature();
    const { layers } = imageLayersData(tables);
    expect(layers!.map(({ eta, layer }) => [eta, layer])).toEqual(
      ["0.05", "0.1"].flatMap((eta) => [1, 2, 3].map((i) => [eta, `conv${i} (100)`])),
    );
    for (const { share, order } of layers!) expect(share as number).toBeCloseTo([0.9, 0.4, 0.1][order as number]!, 12);
    expect(verdicts(imageLayersClaims(tables))).toEqual({ interlacing: "pass" });
    const { found, sharpness } = measuredModels(tables)[0]!;
    const above = found.layers.map((layer) => ({ ...layer, sharpness: 1.1 * sharpness }));
    expect(verdicts(imageLayersClaims(await changed({ layers: above })))).toEqual({ interlacing: "fail" });
  });
});
