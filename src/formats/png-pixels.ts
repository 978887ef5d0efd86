import { inflateSync } from "node:zlib";

/** `[height, width, channels]`, row-major, a byte for each. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 with alpha, 3 RGB, 4 RGBA. */
  readonly channels: number;
  readonly data: Uint8Array;
}

/**
 * The pixels of a PNG of eight bits a channel without palette and interlacing, which is what renderers of figures write; `undefined` for
 * others and for what is no PNG. Checksums are not verified: a digest has been.
 *
 * Source: W3C, Portable Network Graphics (third edition), 5.3 (chunks), 9.2 (filters), 11.2.1 (header).
 *
 * @param most pixels: an image that claims to be larger is not unpacked
 */
export function decodePng(bytes: Uint8Array, most = 1 << 26): Pixels | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (file.length < 33 || file.readBigUInt64BE(0) !== SIGNATURE) return undefined;
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  const [depth, type, , , interlaced] = file.subarray(24, 29);
  const channels = type === undefined ? undefined : CHANNELS[type];
  if (depth !== 8 || channels === undefined || interlaced !== 0 || width * height > most) return undefined;
  const parts: Buffer[] = [];
  for (let at = 8; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at);
    if (file.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(file.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const row = width * channels;
  let packed: Buffer;
  try {
    packed = inflateSync(Buffer.concat(parts), { maxOutputLength: (row + 1) * height });
  } catch {
    return undefined;
  }
  if (packed.length !== (row + 1) * height) return undefined;
  return unfiltered(packed, width, height, channels);
}

const SIGNATURE = 0x89504e470d0a1a0an;
/** By colour type; palettes are left out. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** Each row begins with its filter, by which its bytes were told from those to the left and above. */
function unfiltered(packed: Uint8Array, width: number, height: number, channels: number): Pixels | undefined {
  const row = width * channels;
  const data = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    const filter = packed[y * (row + 1)]!;
    if (filter > 4) return undefined;
    for (let x = 0; x < row; x++) {
      const at = y * row + x;
      const left = x >= channels ? data[at - channels]! : 0;
      const above = y > 0 ? data[at - row]! : 0;
      const corner = x >= channels && y > 0 ? data[at - row - channels]! : 0;
      const base =
        filter === 0
          ? 0
          : filter === 1
            ? left
            : filter === 2
              ? above
              : filter === 3
                ? (left + above) >> 1
                : paeth(left, above, corner);
      data[at] = packed[y * (row + 1) + 1 + x]! + base;
    }
  }
  return { width, height, channels, data };
}

function paeth(left: number, above: number, corner: number): number {
  const guess = left + above - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}
