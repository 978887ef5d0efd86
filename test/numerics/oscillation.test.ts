import { describe, expect, it } from "vitest";
import { oscillation, phasesOf } from "../../src/numerics/oscillation.ts";
import { standardNormal } from "../../src/numerics/rng.ts";

describe("the distance to the centre of oscillation", () => {
  const drift = standardNormal({ seed: 0, name: "drift" }, 50);
  const swing = standardNormal({ seed: 1, name: "swing" }, 50);
  /** θ_t = t·drift + (−1)ᵗ·swing */
  const at = (t: number): Float64Array => drift.map((d, i) => t * d + (t % 2 === 0 ? 1 : -1) * swing[i]!);

  it("is the amplitude of a swing of period 2, whatever the drift", () => {
    const amplitude = Math.hypot(...swing);
    // Values up to 10² round by 10²·2⁻⁵³ each, which a sum of 50 squares does not amplify.
    for (const t of [1, 2, 99]) expect(oscillation(at(t - 1), at(t), at(t + 1))).toBeCloseTo(amplitude, 11);
  });

  it("is nothing for drift alone", () => {
    expect(oscillation(drift, new Float64Array(50), drift.map((d) => -d) as Float64Array)).toBe(0);
  });
});

describe("phases", () => {
  const epochs = Array.from({ length: 121 }, (_, t) => 10 + t);
  /** e to the power of a cosine of period 40: turns every 20 epochs by a factor of e^(2·height). */
  const wave = (height: number, ripple = 0): number[] =>
    epochs.map((_, t) => Math.exp(-height * Math.cos((2 * Math.PI * t) / 40) + ripple * (-1) ** t));

  it("alternate between the turning points of a wave", () => {
    const phases = phasesOf({ epochs, values: wave(2) }, 1.5);
    expect(phases.map(({ kind }) => kind[0]).join("")).toBe("gsgsgs");
    // The mean of two epochs has its extremes half an epoch early.
    for (const [i, { from, to }] of phases.entries()) {
      expect(Math.abs(from - (10 + 20 * i))).toBeLessThanOrEqual(1);
      expect(Math.abs(to - (30 + 20 * i))).toBeLessThanOrEqual(1);
    }
  });

  it("cover the curve without gaps", () => {
    const phases = phasesOf({ epochs, values: wave(1, 0.3) }, 1.5);
    expect(phases[0]!.from).toBe(epochs[0]);
    expect(phases.at(-1)!.to).toBe(epochs.at(-1));
    for (const [i, { from }] of phases.slice(1).entries()) expect(from).toBe(phases[i]!.to);
  });

  it("do not see ripples of period 2, nor turns below the factor", () => {
    const clean = phasesOf({ epochs, values: wave(2) }, 1.5);
    expect(phasesOf({ epochs, values: wave(2, 0.2) }, 1.5)).toHaveLength(clean.length);
    // e^(2·0.15) = 1.35
    expect(phasesOf({ epochs, values: wave(0.15) }, 1.5).map(({ kind }) => kind)).toEqual(["shrinking"]);
    expect(phasesOf({ epochs, values: wave(0.15) }, 1.2)).toHaveLength(6);
  });

  it("of monotone curves are one", () => {
    const rising = epochs.map((epoch) => 1.1 ** epoch);
    expect(phasesOf({ epochs, values: rising }, 1.5)).toEqual([{ kind: "growing", from: 10, to: 130 }]);
    expect(phasesOf({ epochs, values: rising.toReversed() }, 1.5)).toEqual([{ kind: "shrinking", from: 10, to: 130 }]);
    expect(phasesOf({ epochs: [], values: [] }, 1.5)).toEqual([]);
  });
});
