import { crc32 } from "node:zlib";

/**
 * A small PNG without compression: a compressor's output changes with its version, and figures that hold pictures are to be
 * the same bytes everywhere.
 *
 * Source: W3C, Portable Network Graphics (third edition), 5.3 and 11.2; RFC 1950 and 1951 for the stored block.
 *
 * @param pixels RGB, `[height, width, 3]`, row-major; at most 65,535 bytes with a byte for each row
 */
export function encodePng(pixels: Uint8Array, width: number, height: number): Uint8Array {
  if (pixels.length !== width * height * 3)
    throw new Error(`${pixels.length} bytes are not ${width} × ${height} pixels`);
  const row = 3 * width;
  const rows = new Uint8Array((row + 1) * height);
  // Each row begins with its filter: 0, none.
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits of red, green and blue.
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([SIGNATURE, chunk("IHDR", header), chunk("IDAT", stored(rows)), chunk("IEND", Buffer.alloc(0))]);
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** A zlib stream of one stored block. */
function stored(data: Uint8Array): Uint8Array {
  if (data.length > 0xffff) throw new Error(`${data.length} bytes do not fit one stored block`);
  const start = Buffer.from([0x78, 0x01, 0x01, 0, 0, 0, 0]);
  start.writeUInt16LE(data.length, 3);
  start.writeUInt16LE(~data.length & 0xffff, 5);
  const end = Buffer.alloc(4);
  end.writeUInt32BE(adler32(data));
  return Buffer.concat([start, data, end]);
}

function adler32(data: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of data) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return ((b << 16) | a) >>> 0;
}
