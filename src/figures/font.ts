/**
 * Reads what figures need of a TrueType file: which characters have a glyph, and how wide they are. Vega guesses widths
 * where there is no canvas, by a factor of two for some texts; with these it lays out what will be drawn.
 *
 * Tables `head`, `hhea`, `hmtx` and `cmap` (formats 4 and 12) of the OpenType specification, version 1.9.
 * Kerning is left out: it is a fraction of a pixel at the sizes of a figure.
 */
export interface Font {
  /** Whether the character has a glyph of its own, not the "missing glyph" box. */
  has(codePoint: number): boolean;
  /** Advance of `text` in em; a character without a glyph counts as the box that would be drawn. */
  width(text: string): number;
}

export function readFont(bytes: Uint8Array): Font {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tables = tableOffsets(view);
  const unitsPerEm = view.getUint16(tables("head") + 18);
  const numAdvances = view.getUint16(tables("hhea") + 34);
  const hmtx = tables("hmtx");
  const glyphOf = readCharacterMap(view, tables("cmap"));
  const advance = (codePoint: number): number =>
    view.getUint16(hmtx + 4 * Math.min(glyphOf(codePoint), numAdvances - 1));
  return {
    has: (codePoint) => glyphOf(codePoint) !== 0,
    width: (text) => {
      let total = 0;
      for (const character of text) total += advance(character.codePointAt(0)!);
      return total / unitsPerEm;
    },
  };
}

function tableOffsets(view: DataView): (tag: string) => number {
  const offsets = new Map<string, number>();
  const count = view.getUint16(4);
  for (let i = 0; i < count; i++) {
    const record = 12 + 16 * i;
    offsets.set(asciiAt(view, record, 4), view.getUint32(record + 8));
  }
  return (tag) => {
    const offset = offsets.get(tag);
    if (offset === undefined) throw new Error(`not a TrueType font: it has no table "${tag}"`);
    return offset;
  };
}

/** From code point to glyph index, 0 where there is none; the subtable of the whole of Unicode where there is one. */
function readCharacterMap(view: DataView, cmap: number): (codePoint: number) => number {
  const subtables = new Map<number, number>();
  const count = view.getUint16(cmap + 2);
  for (let i = 0; i < count; i++) {
    const record = cmap + 4 + 8 * i;
    const platform = view.getUint16(record);
    const offset = cmap + view.getUint32(record + 4);
    // Platforms 0 (Unicode) and 3 (Windows) map Unicode; 1 (Macintosh) does not.
    if (platform === 0 || platform === 3) subtables.set(view.getUint16(offset), offset);
  }
  const segmented = subtables.get(12);
  if (segmented !== undefined) return format12(view, segmented);
  const basic = subtables.get(4);
  if (basic !== undefined) return format4(view, basic);
  throw new Error("the font maps Unicode in none of the formats 4 and 12");
}

function format12(view: DataView, table: number): (codePoint: number) => number {
  const groups = view.getUint32(table + 12);
  return (codePoint) => {
    for (let i = 0; i < groups; i++) {
      const group = table + 16 + 12 * i;
      if (codePoint > view.getUint32(group + 4)) continue;
      const start = view.getUint32(group);
      return codePoint < start ? 0 : view.getUint32(group + 8) + codePoint - start;
    }
    return 0;
  };
}

function format4(view: DataView, table: number): (codePoint: number) => number {
  const twice = view.getUint16(table + 6);
  const [ends, starts, deltas, ranges] = [14, 16 + twice, 16 + 2 * twice, 16 + 3 * twice].map((at) => table + at);
  return (codePoint) => {
    for (let i = 0; i < twice; i += 2) {
      if (codePoint > view.getUint16(ends! + i)) continue;
      const start = view.getUint16(starts! + i);
      if (codePoint < start) return 0;
      const delta = view.getUint16(deltas! + i);
      const range = view.getUint16(ranges! + i);
      if (range === 0) return (codePoint + delta) & 0xffff;
      const glyph = view.getUint16(ranges! + i + range + 2 * (codePoint - start));
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    }
    return 0;
  };
}

function asciiAt(view: DataView, offset: number, length: number): string {
  return Array.from({ length }, (_, i) => String.fromCharCode(view.getUint8(offset + i))).join("");
}
