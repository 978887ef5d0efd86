/** Vectors on the host, in the precision they were computed in. */
export type FloatArray = Float32Array | Float64Array;

/** `values` in the wanted precision; the same array where it has it already. */
export function toFloats(values: FloatArray, float: "f32" | "f64"): FloatArray {
  if (float === "f32") return values instanceof Float32Array ? values : Float32Array.from(values);
  return values instanceof Float64Array ? values : Float64Array.from(values);
}
