/** Vectors on the host, in the precision they were computed in. */
export type FloatArray = Float32Array | Float64Array;

/** Zeros. */
export function floatArray(float: "f32" | "f64", length: number): FloatArray {
  return float === "f32" ? new Float32Array(length) : new Float64Array(length);
}

/** `values` in the wanted precision; the same array where it has it already. */
export function toFloats(values: FloatArray, float: "f32" | "f64"): FloatArray {
  if (float === "f32") return values instanceof Float32Array ? values : Float32Array.from(values);
  return values instanceof Float64Array ? values : Float64Array.from(values);
}

/** Half of the distance between 1 and the next number. */
export const roundoffOf = (float: "f32" | "f64"): number => (float === "f32" ? 2 ** -24 : 2 ** -53);
