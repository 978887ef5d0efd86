import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { standardNormal } from "../../src/numerics/rng.ts";
import {
  absoluteCosine,
  grassmannDistance,
  individualSimilarities,
  principalAngles,
  subspaceSimilarity,
} from "../../src/numerics/similarity.ts";

const n = 20;
const unit = (axis: number): Float64Array => Float64Array.from({ length: n }, (_, i) => (i === axis ? 1 : 0));
/** Axis i turned by an angle towards an axis of its own. */
const turned = (axis: number, angle: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => (i === axis ? Math.cos(angle) : i === axis + 10 ? Math.sin(angle) : 0));
const axes = (count: number): Float64Array[] => Array.from({ length: count }, (_, i) => unit(i));
const angled = (angles: readonly number[]): Float64Array[] => angles.map((angle, i) => turned(i, angle));

/** The same span from other vectors, not orthonormal. */
function mixed(vectors: readonly Float64Array[], seed: number): Float64Array[] {
  return vectors.map((_, j) => {
    const weights = standardNormal({ seed, name: `mix/${j}` }, vectors.length);
    const sum = new Float64Array(n);
    vectors.forEach((vector, i) => {
      for (let at = 0; at < n; at++) sum[at]! += (weights[i]! + (i === j ? 4 : 0)) * vector[at]!;
    });
    return sum;
  });
}

describe("subspace similarity (PROTOCOL C.4)", () => {
  it.each([
    ["angles .3, .7, 1.1", axes(3), angled([0.3, 0.7, 1.1]), 0.7162085579],
    ["2 against 3 dimensions, .3 and .7", axes(3), angled([0.3, 0.7]), 0.8584704679],
    ["3 against 2 dimensions", angled([0.3, 0.7]), axes(3), 0.8584704679],
    ["one of three vectors lost", axes(3), [unit(0), unit(1), unit(15)], 0.6161905085],
    ["permuted basis", axes(3), [unit(2), unit(0), unit(1)], 1],
    ["orthogonal", axes(3), [unit(5), unit(6), unit(7)], 0],
  ])("%s", (_, a, b, expected) => {
    expect(Math.abs(subspaceSimilarity(a, b) - expected)).toBeLessThan(5.1e-11);
  });

  it("depends on the spans alone", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: Math.PI / 2, noNaN: true }), { minLength: 1, maxLength: 4 }),
        fc.nat(1000),
        (angles, seed) => {
          const found = principalAngles(mixed(axes(angles.length), seed), mixed(angled(angles), seed + 1));
          const exact = [...angles].sort((x, y) => x - y);
          // Bases of condition below 100, sines and cosines good to a few roundoffs.
          found.forEach((angle, i) => {
            expect(Math.abs(angle - exact[i]!)).toBeLessThan(1e-12);
          });
        },
      ),
    );
  });

  it("keeps small angles, beside large ones too", () => {
    for (const angles of [[1e-12], [1e-9, 1e-7], [1e-10, 1e-3, 1.2]]) {
      const found = principalAngles(axes(angles.length), angled(angles));
      found.forEach((angle, i) => {
        expect(Math.abs(angle / angles[i]! - 1)).toBeLessThan(1e-6);
      });
    }
  });

  it("refuses what spans no subspace", () => {
    expect(() => principalAngles([unit(0), unit(0)], axes(2))).toThrow(/linearly dependent/);
    expect(() => subspaceSimilarity([], axes(2))).toThrow(/empty/);
  });
});

describe("distances and cosines", () => {
  it("the Grassmann distance is a metric on triples of equal dimension", () => {
    const span = (seed: number): Float64Array[] => [0, 1, 2].map((i) => standardNormal({ seed, name: `span/${i}` }, n));
    const distance = (s: number, t: number): number => grassmannDistance(principalAngles(span(s), span(t)));
    for (let seed = 0; seed < 10; seed++) {
      expect(distance(seed, seed)).toBeLessThan(1e-14 * 100);
      expect(Math.abs(distance(seed, seed + 1) - distance(seed + 1, seed))).toBeLessThan(1e-12);
      expect(distance(seed, seed + 2)).toBeLessThanOrEqual(distance(seed, seed + 1) + distance(seed + 1, seed + 2));
    }
  });

  it("counts missing dimensions as right angles where asked", () => {
    expect(grassmannDistance([0.3, 0.4])).toBeCloseTo(0.5, 15);
    expect(grassmannDistance([], 1)).toBeCloseTo(Math.PI / 2, 15);
    expect(grassmannDistance([Math.PI / 2], 3)).toBeCloseTo(Math.PI, 14);
  });

  it("individual similarities ignore sign and length, and pair the k-th with the k-th", () => {
    expect(
      absoluteCosine(
        unit(0),
        turned(0, 0.4).map((x) => -3 * x),
      ),
    ).toBeCloseTo(Math.cos(0.4), 15);
    const found = individualSimilarities(axes(3), [turned(0, 0.2), unit(2), unit(1), unit(4)]);
    expect(found).toEqual([expect.closeTo(Math.cos(0.2), 15), 0, 0]);
  });
});
