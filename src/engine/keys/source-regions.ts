import { digestOf } from "../plan/digest.ts";
import type { Digest } from "../plan/plan.ts";

interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/**
 * What each source file contributed to a bundle, as a digest: the text from its first mapped position to the next file's.
 * It only names the file that changed; that something changed is the bundle's own digest's word.
 */
export function regionsOf(bundle: string, map: SourceMap): ReadonlyMap<string, Digest> {
  const lineStarts = [0];
  for (let at = bundle.indexOf("\n"); at !== -1; at = bundle.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  const texts = new Map<number, string[]>();
  let source = -1;
  let from = 0;
  const close = (to: number): void => {
    if (source === -1) return;
    const parts = texts.get(source) ?? [];
    parts.push(bundle.slice(from, to));
    texts.set(source, parts);
  };
  for (const [line, column, index] of segmentsOf(map.mappings)) {
    if (index === source) continue;
    const at = lineStarts[line]! + column;
    close(at);
    source = index;
    from = at;
  }
  close(bundle.length);
  return new Map([...texts].map(([index, parts]) => [map.sources[index]!, digestOf(parts.join("\0"))]));
}

/** Decodes a source map's mappings (ECMA-426) to [generated line, generated column, source]; all from 0. */
function* segmentsOf(mappings: string): Generator<[line: number, column: number, source: number]> {
  let line = 0;
  let column = 0;
  let source = 0;
  let fields: number[] = [];
  let value = 0;
  let shift = 0;
  const flush = function* (): Generator<[number, number, number]> {
    if (fields.length > 0) column += fields[0]!;
    if (fields.length > 1) {
      source += fields[1]!;
      yield [line, column, source];
    }
    fields = [];
  };
  for (const character of mappings) {
    if (character === "," || character === ";") {
      yield* flush();
      if (character === ";") {
        line++;
        column = 0;
      }
      continue;
    }
    const digit = BASE64.indexOf(character);
    value |= (digit & 31) << shift;
    if (digit & 32) {
      shift += 5;
    } else {
      fields.push(value & 1 ? -(value >>> 1) : value >>> 1);
      value = 0;
      shift = 0;
    }
  }
  yield* flush();
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
