import { closeSync, existsSync, ftruncateSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import type { HessianProducts } from "../../src/numerics/objective.ts";
import type { StageContext } from "../../src/stage.ts";

const FILE = "products";
/** Two CRC-32: of what was multiplied (θ, then v), and of the product. */
const HEAD = 8;

/**
 * The same Hessian-vector products, each kept in `context.resume` as it is made (stages declared with `resume: true`). Eigensolvers and
 * their like are deterministic but for products, so one that was killed is played again from its beginning, with the products
 * that it had, and goes on to the bits of one that was not. Where there is nothing kept, θ is not even linearised before it
 * must be.
 *
 * A product takes 4P bytes of disk (8P in f64), until the action's end. One after the other: solves do not overlap.
 */
export function recordedProducts(
  { resume, log }: Pick<StageContext, "resume" | "log">,
  source: HessianProducts,
): HessianProducts {
  if (resume === undefined) return source;
  const path = join(resume, FILE);
  const { float, numParams } = source;
  const size = HEAD + numParams * (float === "f32" ? 4 : 8);
  // What was torn at the end is no record.
  let kept = existsSync(path) ? Math.floor(statSync(path).size / size) : 0;
  let at = 0;
  if (kept > 0) log(`goes on after ${kept} Hessian-vector products`);

  /** The product at `at`, if it is whole and of this very vector: a power cut may leave anything. */
  const read = (input: number): FloatArray | undefined => {
    const record = new Uint8Array(size);
    const file = openSync(path, "r");
    try {
      if (readSync(file, record, 0, size, at * size) < size) return undefined;
    } finally {
      closeSync(file);
    }
    const head = new Uint32Array(record.buffer, 0, 2);
    if (head[0] !== input || head[1] !== crc32(record.subarray(HEAD))) return undefined;
    return float === "f32" ? new Float32Array(record.buffer, HEAD) : new Float64Array(record.buffer, HEAD);
  };
  const write = (input: number, product: FloatArray): void => {
    const bytes = bytesOf(product);
    const record = new Uint8Array(size);
    record.set(bytesOf(Uint32Array.of(input, crc32(bytes))));
    record.set(bytes, HEAD);
    // Opened each time: on a network file system a file that is open cannot be removed with its folder.
    const file = openSync(path, existsSync(path) ? "r+" : "w");
    try {
      // Beyond it lies what nobody will ask for.
      ftruncateSync(file, at * size);
      writeSync(file, record, 0, size, at * size);
    } finally {
      closeSync(file);
    }
  };

  return {
    float,
    numParams,
    async linearize(theta) {
      const where = crc32(bytesOf(theta));
      let around: Awaited<ReturnType<HessianProducts["linearize"]>> | undefined;
      return {
        async hvp(v) {
          if (v.length !== numParams) throw new Error(`${v.length} numbers are no vector of ${numParams} parameters`);
          const input = crc32(bytesOf(v), where);
          if (at < kept) {
            const known = read(input);
            if (known !== undefined) {
              at++;
              return known;
            }
            kept = at;
          }
          around ??= await source.linearize(theta);
          const product = await around.hvp(v);
          write(input, product);
          at++;
          return product;
        },
        dispose: () => around?.dispose(),
      };
    },
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: FloatArray | Uint32Array): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
