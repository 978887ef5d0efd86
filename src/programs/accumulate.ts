import { definedBy } from "./emit.ts";
import { add, concat, pad, reshape, scale, zeros } from "./ops.ts";
import type { PadParams } from "./params.ts";
import type { Shape } from "./tensor.ts";
import type { Variable } from "./variable.ts";

/**
 * The sum of cotangents that meet at one variable. Those that are zero but on disjoint pieces of one axis (what slices
 * send back: the parameters of each layer, the rows of a pooling window) are joined by one concatenation or interleaving
 * rather than padded and added.
 */
export function addAll(terms: readonly Variable[]): Variable {
  const [first] = terms;
  if (first === undefined) throw new Error("addAll: nothing to add");
  const joined = joinPieces(terms) ?? interleavePieces(terms) ?? terms;
  // What a square sends back comes twice.
  const distinct = [...new Set(joined)].map((term) => scale(term, joined.filter((other) => other === term).length));
  return distinct.slice(1).reduce(add, distinct[0]!);
}

/** A piece of the sum: `value` at `start ≤ index < limit` of `axis`, zero elsewhere. */
interface Piece {
  readonly value: Variable;
  readonly axis: number;
  readonly start: number;
  readonly limit: number;
}

function joinPieces(terms: readonly Variable[]): readonly Variable[] | undefined {
  const pieces = terms.map(pieceOf);
  const axis = pieces.find((piece) => piece !== undefined)?.axis;
  if (axis === undefined) return undefined;
  const along = pieces.filter((piece): piece is Piece => piece?.axis === axis).sort((a, b) => a.start - b.start);
  if (along.length < 2) return undefined;
  if (along.some((piece, i) => i > 0 && piece.start < along[i - 1]!.limit)) return undefined;
  const rest = terms.filter((_, i) => pieces[i]?.axis !== axis);
  const whole = terms[0]!;
  const parts: Variable[] = [];
  let end = along[0]!.start;
  for (const { value, start, limit } of along) {
    if (start > end) parts.push(zeros(withExtent(whole.shape, axis, start - end), whole.dtype));
    parts.push(value);
    end = limit;
  }
  const low = whole.shape.map((_, i) => (i === axis ? along[0]!.start : 0));
  const high = whole.shape.map((extent, i) => (i === axis ? extent - end : 0));
  return [...rest, pad(concat(parts, axis), { low, high })];
}

function pieceOf(term: Variable): Piece | undefined {
  const padded = definedBy(term, "pad");
  if (padded === undefined) return undefined;
  const axis = onlyAxis(padded.params, (low, high, interior) => low >= 0 && high >= 0 && interior === 0);
  if (axis === undefined) return undefined;
  const value = padded.inputs[0]!;
  const start = padded.params.low[axis]!;
  return { value, axis, start, limit: start + value.shape[axis]! };
}

/** Terms that fill every n-th index each, `n` of them: stacked on a new axis and folded into the old one. */
function interleavePieces(terms: readonly Variable[]): readonly Variable[] | undefined {
  const count = terms.length;
  if (count < 2) return undefined;
  const parts = new Array<Variable | undefined>(count).fill(undefined);
  let axis: number | undefined;
  for (const term of terms) {
    const padded = definedBy(term, "pad");
    if (padded === undefined) return undefined;
    const own = onlyAxis(padded.params, (low, high, interior) => {
      return interior === count - 1 && low >= 0 && low + high === count - 1;
    });
    if (own === undefined || (axis !== undefined && own !== axis)) return undefined;
    axis = own;
    parts[padded.params.low[own]!] = padded.inputs[0]!;
  }
  if (axis === undefined || parts.some((part) => part === undefined)) return undefined;
  const along = axis;
  const stacked = (parts as Variable[]).map((part) =>
    reshape(part, [...part.shape.slice(0, along + 1), 1, ...part.shape.slice(along + 1)]),
  );
  return [reshape(concat(stacked, along + 1), terms[0]!.shape)];
}

/** The one axis that is padded, where it is padded as `accepts` says. */
function onlyAxis(
  { low, high, interior }: PadParams,
  accepts: (low: number, high: number, interior: number) => boolean,
): number | undefined {
  const axes = low.flatMap((count, axis) => (count !== 0 || high[axis] !== 0 || interior[axis] !== 0 ? [axis] : []));
  const axis = axes[0];
  if (axis === undefined || axes.length > 1) return undefined;
  return accepts(low[axis]!, high[axis]!, interior[axis]!) ? axis : undefined;
}

function withExtent(shape: Shape, axis: number, extent: number): Shape {
  return shape.map((own, i) => (i === axis ? extent : own));
}
