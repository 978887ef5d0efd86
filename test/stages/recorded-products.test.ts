import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { hessianTrace } from "../../src/numerics/hessian-trace.ts";
import type { HessianProducts } from "../../src/numerics/objective.ts";
import { hessianQuadrature } from "../../src/numerics/spectral-density.ts";
import { hessianEigenpairs } from "../../src/numerics/spectrum.ts";
import { recordedProducts } from "../../stages/shared/recorded-products.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "products-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const P = 30;

/** H(θ) = diag(θ) + a cyclic shift and its transpose; counts what it does and is "killed" at its `until`-th product. */
function operator(float: "f32" | "f64", until = Number.POSITIVE_INFINITY) {
  const done = { products: 0, linearized: 0, disposed: 0 };
  const source: HessianProducts = {
    float,
    numParams: P,
    async linearize(theta) {
      done.linearized++;
      return {
        async hvp(v) {
          if (done.products >= until) throw new Error("killed");
          done.products++;
          const product = Array.from(v, (x, i) => theta[i]! * x + v[(i + 1) % P]! + v[(i + P - 1) % P]!);
          return float === "f32" ? Float32Array.from(product) : Float64Array.from(product);
        },
        dispose: () => void done.disposed++,
      };
    },
  };
  return { source, done };
}

const theta = (shift: number): FloatArray => Float64Array.from({ length: P }, (_, i) => Math.cos(shift + i * i));

/** Three solves at two θ, one of them warm-started: all of a stage's kinds. */
async function solves(products: HessianProducts) {
  const end = await hessianEigenpairs(products, theta(1), 2, { tol: 1e-6 });
  const middle = await hessianEigenpairs(products, theta(2), 2, { tol: 1e-6, warmStart: end.restartVectors });
  const density = await hessianQuadrature(products, theta(1), { probes: 2, steps: 5 });
  return { end, middle, density, trace: await hessianTrace(products, theta(1), { matvecs: 9 }) };
}

describe.each(["f32", "f64"] as const)("recorded products in %s", (float) => {
  it("go on to the very bits, wherever the process was killed and however often", async () => {
    const whole = operator(float);
    const expected = await solves(whole.source);
    const { products: needed } = whole.done;
    expect(needed).toBeGreaterThan(60);
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    let made = 0;
    for (const stop of [1, 7, 0, 30]) {
      const { source, done } = operator(float, stop);
      await expect(solves(recordedProducts({ resume: folder, log }, source))).rejects.toThrow("killed");
      expect(done.products).toBe(stop);
      made += stop;
    }
    const last = operator(float);
    expect(await solves(recordedProducts({ resume: folder, log }, last.source))).toEqual(expected);
    // Nothing is computed twice, and what is only read back is not even linearised.
    expect(made + last.done.products).toBe(needed);
    expect(last.done.linearized).toBeLessThan(whole.done.linearized);
    expect(last.done.disposed).toBe(last.done.linearized);
    expect(lines).toEqual([1, 8, 8, 38].map((count) => `goes on after ${count} Hessian-vector products`));
  });

  it("are computed anew from where a record is torn, broken or of another vector", async () => {
    const expected = await solves(operator(float).source);
    const file = join(folder, "products");
    const context = { resume: folder, log: () => undefined };
    await expect(solves(recordedProducts(context, operator(float, 40).source))).rejects.toThrow("killed");
    const size = readFileSync(file).length / 40;
    const left = async (): Promise<number> => {
      const { source, done } = operator(float);
      expect(await solves(recordedProducts(context, source))).toEqual(expected);
      return done.products;
    };
    truncateSync(file, 40 * size - 3);
    const needed = 39 + (await left());
    const bytes = readFileSync(file);
    bytes[20 * size + 13]! ^= 1;
    writeFileSync(file, bytes);
    expect(await left()).toBe(needed - 20);
    // As after a power cut: blocks of zeros.
    writeFileSync(file, readFileSync(file).fill(0, 5 * size, 7 * size));
    expect(await left()).toBe(needed - 5);
    const other = recordedProducts(context, operator(float).source);
    const around = await other.linearize(theta(3));
    const v = Float64Array.from({ length: P }, () => 1);
    expect(await around.hvp(v)).toEqual(await (await operator(float).source.linearize(theta(3))).hvp(v));
    expect(readFileSync(file).length).toBe(size);
  });
});

it("are the products themselves where nothing is to be kept", () => {
  const { source } = operator("f64");
  expect(recordedProducts({ log: () => undefined }, source)).toBe(source);
  expect(existsSync(join(folder, "products"))).toBe(false);
});
