import { Matrix, SVD } from "ml-matrix";
import { dot, norm } from "./basis.ts";
import type { FloatArray } from "./float-array.ts";

/** |cos| of the angle between two vectors: an eigenvector's sign is arbitrary. In [0, 1]. */
export function absoluteCosine(a: FloatArray, b: FloatArray): number {
  return Math.min(1, Math.abs(dot(a, b)) / (norm(a) * norm(b)));
}

/** |cos| of the k-th vectors of two lists, for each k that both have. */
export function individualSimilarities(a: readonly FloatArray[], b: readonly FloatArray[]): number[] {
  return a.slice(0, b.length).map((vector, k) => absoluteCosine(vector, b[k]!));
}

/**
 * Principal angles between the spans of two sets of linearly independent vectors, ascending, as many as the smaller set
 * has. Cosines are the singular values of AᵀB; where they exceed 1/√2 angles come from the sines, the singular values of
 * B's part outside span A, since arccos loses half the digits near 1 (Björck and Golub 1973; Knyazev and Argentati 2002).
 */
export function principalAngles(a: readonly FloatArray[], b: readonly FloatArray[]): number[] {
  const [large, small] = a.length >= b.length ? [orthonormal(a), orthonormal(b)] : [orthonormal(b), orthonormal(a)];
  if (small.length === 0) return [];
  const product = small.map((column) => large.map((row) => dot(row, column))); // [m, M], AᵀB transposed
  const { diagonal: cosines, leftSingularVectors } = new SVD(new Matrix(product), { autoTranspose: true });
  const angles = cosines.map((cosine) => Math.acos(Math.min(1, cosine)));
  const count = cosines.filter((cosine) => cosine > Math.SQRT1_2).length;
  if (count === 0) return angles;
  // The directions of `small` that belong to those cosines, without their parts in the span of `large`.
  const outside = Array.from({ length: count }, (_, j) => {
    const direction = new Float64Array(small[0]!.length);
    small.forEach((vector, i) => {
      addScaled(direction, vector, leftSingularVectors.get(i, j));
    });
    for (const row of large) addScaled(direction, row, -dot(row, direction));
    return direction;
  });
  const sines = new SVD(new Matrix(triangularFactor(outside))).diagonal.map((sine) => Math.asin(Math.min(1, sine)));
  return [...sines.reverse(), ...angles.slice(count)];
}

/**
 * The Grassmann distance d_G = √Σθ_i² over the principal angles. For subspaces of unequal dimension it counts the angles
 * of the smaller one (Ye and Lim 2016, "Schubert varieties and distances between subspaces of different dimensions"):
 * the distance to the nearest subspace that contains, or is contained in, the other. With `missing`, the number of
 * dimensions that one has more, each counts as a right angle (their metric on subspaces of all dimensions).
 */
export function grassmannDistance(angles: readonly number[], missing = 0): number {
  const squares = angles.reduce((total, angle) => total + angle * angle, 0);
  return Math.sqrt(squares + missing * (Math.PI / 2) ** 2);
}

/** cos(d_G/√m) of two subspaces, m the smaller dimension: 1 if one holds the other, 0 if they are orthogonal (PROTOCOL B.3). */
export function subspaceSimilarity(a: readonly FloatArray[], b: readonly FloatArray[]): number {
  const angles = principalAngles(a, b);
  if (angles.length === 0) throw new Error("the similarity of an empty subspace is not defined");
  return Math.cos(grassmannDistance(angles) / Math.sqrt(angles.length));
}

/** `subspaceSimilarity` of the spans of the first 1, 2, … vectors, as far as both lists go. */
export function nestedSimilarities(a: readonly FloatArray[], b: readonly FloatArray[]): number[] {
  return a.slice(0, b.length).map((_, i) => subspaceSimilarity(a.slice(0, i + 1), b.slice(0, i + 1)));
}

/** Modified Gram–Schmidt in float64, twice. Throws on linearly dependent vectors. */
function orthonormal(vectors: readonly FloatArray[]): Float64Array[] {
  const result: Float64Array[] = [];
  for (const vector of vectors) {
    const w = Float64Array.from(vector);
    const before = norm(w);
    for (let pass = 0; pass < 2; pass++) for (const row of result) addScaled(w, row, -dot(row, w));
    const left = norm(w);
    // What is left of a dependent float32 vector is its rounding.
    if (!(left > 1e-6 * before)) throw new Error("the vectors that span a subspace are linearly dependent");
    result.push(w.map((value) => value / left));
  }
  return result;
}

/** R of a QR factorisation by modified Gram–Schmidt, whose singular values are those of the vectors. */
function triangularFactor(vectors: readonly Float64Array[]): number[][] {
  const rows: Float64Array[] = [];
  const factor = vectors.map(() => vectors.map(() => 0));
  vectors.forEach((vector, j) => {
    const w = vector.slice();
    rows.forEach((row, i) => {
      factor[i]![j] = dot(row, w);
      addScaled(w, row, -factor[i]![j]!);
    });
    const length = norm(w);
    factor[j]![j] = length;
    rows.push(length === 0 ? w : w.map((value) => value / length));
  });
  return factor;
}

function addScaled(target: Float64Array, vector: FloatArray, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] = target[i]! + factor * vector[i]!;
}
