/** A number as claims write it: to three significant digits, without trailing zeros. */
export function shown(value: number): string {
  return Number(value.toPrecision(3)).toString();
}
