import { createHash } from "node:crypto";

/**
 * Counter-based random numbers: value i of a stream is a pure function of (seed, stream, i), so that any part can be made
 * alone and in any order. Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
 * (SC 2011), section 3.3.
 */
type Words4 = readonly [number, number, number, number];

const MULTIPLIER_0 = 0xd2511f53 | 0;
const MULTIPLIER_1 = 0xcd9e8d57 | 0;
const WEYL_0 = 0x9e3779b9 | 0;
const WEYL_1 = 0xbb67ae85 | 0;
const ROUNDS = 10;

/** Ten rounds of Philox on a counter of four words under a key of two: four random words. */
export function philox([c0, c1, c2, c3]: Words4, [k0, k1]: readonly [number, number]): Words4 {
  const words = new Uint32Array(4);
  philoxInto(words, c0, c1, c2, c3, k0, k1);
  return [words[0]!, words[1]!, words[2]!, words[3]!];
}

// Words travel as int32 here, which is what the engine keeps in registers: a block takes 0.1 µs.
function philoxInto(words: Uint32Array, c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void {
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const next0 = high1 ^ c1 ^ k0;
    const next2 = high0 ^ c3 ^ k1;
    c1 = Math.imul(MULTIPLIER_1, c2);
    c3 = Math.imul(MULTIPLIER_0, c0);
    c0 = next0;
    c2 = next2;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** The upper 32 bits of the unsigned product of two words, by halves of 16 bits. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = Math.imul(aLow, bLow) >>> 16;
  const middle = (Math.imul(aHigh, bLow) >>> 0) + low; // < 2³²
  const cross = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff); // < 2³²
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}

/** A sequence of random values, picked by a seed (an integer, 0 ≤ seed < 2⁵³) and a name. */
export interface Stream {
  readonly seed: number;
  readonly name: string;
}

/** `count` doubles in (0, 1), multiples of 2⁻⁵³ plus 2⁻⁵⁴, from position `start` of the stream. */
export function uniform({ seed, name }: Stream, count: number, start = 0): Float64Array {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`a seed is an integer from 0 to 2⁵³ − 1, not ${seed}`);
  const [key0, key1] = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  const tag = createHash("sha256").update(name).digest();
  const [tag0, tag1] = [tag.readInt32LE(0), tag.readInt32LE(4)];
  const values = new Float64Array(count);
  const words = new Uint32Array(4);
  // A block of four words holds two values.
  for (let at = 0; at < count; ) {
    const position = start + at;
    const block = Math.floor(position / 2);
    philoxInto(words, block | 0, Math.floor(block / 2 ** 32), tag0, tag1, key0, key1);
    for (let half = position % 2; half < 2 && at < count; half++, at++)
      values[at] = ((words[2 * half]! >>> 5) * 2 ** 26 + (words[2 * half + 1]! >>> 6) + 0.5) * 2 ** -53;
  }
  return values;
}

/** `count` standard normal values, from position `start` of the stream. */
export function standardNormal(stream: Stream, count: number, start = 0): Float64Array {
  return uniform(stream, count, start).map(inverseNormalCdf);
}

/** Φ(2) − ½. */
const HALF_MASS_WITHIN_2 = 0.4772498680518208;

/**
 * Values of the standard normal distribution restricted to |x| ≤ 2, by inversion: one uniform value each. Their standard
 * deviation is `TRUNCATED_STD`.
 */
export function truncatedNormal(stream: Stream, count: number, start = 0): Float64Array {
  return uniform(stream, count, start).map((u) => inverseNormalCdf(0.5 + (2 * u - 1) * HALF_MASS_WITHIN_2));
}

/** The standard deviation of a standard normal variable restricted to |x| ≤ 2. */
export const TRUNCATED_STD = 0.8796256610342398;

/**
 * Φ⁻¹(p) for 0 < p < 1, to about 1e-16 relative: M. J. Wichura, "Algorithm AS 241: The percentage points of the normal
 * distribution", Applied Statistics 37 (1988), PPND16.
 */
export function inverseNormalCdf(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(CENTRE[0], r)) / polynomial(CENTRE[1], r);
  }
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
  const [table, shift] = r <= 5 ? [SHOULDER, 1.6] : [TAIL, 5];
  const value = polynomial(table[0], r - shift) / polynomial(table[1], r - shift);
  return q < 0 ? -value : value;
}

/** Σ c_i x^i of eight coefficients. */
function polynomial(c: readonly number[], x: number): number {
  return ((((((c[7]! * x + c[6]!) * x + c[5]!) * x + c[4]!) * x + c[3]!) * x + c[2]!) * x + c[1]!) * x + c[0]!;
}

type Rational = readonly [readonly number[], readonly number[]];

const CENTRE: Rational = [
  [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
    33430.57558358813, 2509.0809287301227,
  ],
  [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852546,
  ],
];
const SHOULDER: Rational = [
  [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
];
const TAIL: Rational = [
  [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7,
  ],
  [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 0.000018463183175100548,
    1.421511758316446e-7, 2.0442631033899397e-15,
  ],
];
