import { deflateSync } from "node:zlib";

/**
 * TrueType to WOFF 1.0 (W3C recommendation, 2012): the same tables, each compressed by zlib where that makes it smaller.
 * Tables that nothing but shaping of other scripts needs stay, so that the font is the same font.
 */
export function toWoff(font: Buffer): Buffer {
  const count = font.readUInt16BE(4);
  const tables = Array.from({ length: count }, (_, index) => {
    const at = 12 + 16 * index;
    const [offset, length] = [font.readUInt32BE(at + 8), font.readUInt32BE(at + 12)];
    const whole = font.subarray(offset, offset + length);
    const packed = deflateSync(whole, { level: 9 });
    return {
      tag: font.subarray(at, at + 4),
      checksum: font.readUInt32BE(at + 4),
      length,
      data: packed.length < length ? packed : whole,
    };
  });
  const header = Buffer.alloc(44 + 20 * count);
  let place = header.length;
  const parts: Buffer[] = [header];
  for (const [index, { tag, checksum, length, data }] of tables.entries()) {
    const at = 44 + 20 * index;
    tag.copy(header, at);
    header.writeUInt32BE(place, at + 4);
    header.writeUInt32BE(data.length, at + 8);
    header.writeUInt32BE(length, at + 12);
    header.writeUInt32BE(checksum, at + 16);
    // Each table begins at a multiple of four bytes.
    const padding = Buffer.alloc(-data.length & 3);
    parts.push(data, padding);
    place += data.length + padding.length;
  }
  header.write("wOFF", 0, "latin1");
  header.writeUInt32BE(font.readUInt32BE(0), 4);
  header.writeUInt32BE(place, 8);
  header.writeUInt16BE(count, 12);
  header.writeUInt32BE(12 + 16 * count + tables.reduce((sum, { length }) => sum + ((length + 3) & ~3), 0), 16);
  header.writeUInt16BE(1, 20);
  return Buffer.concat(parts);
}
