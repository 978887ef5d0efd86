/**
 * `node scripts/run-ts.js bench/numerics/eigenpairs.ts`: Hessian-vector products that the top eigenpairs take along a trajectory through an
 * instability, ours beside SciPy's ARPACK to the same residual. Counts, no times: a busy machine gives the same table.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { norm } from "../../src/numerics/basis.ts";
import type { FloatArray } from "../../src/numerics/float-array.ts";
import { gradientDescent } from "../../src/numerics/gradient-descent.ts";
import { initialise, mlp } from "../../src/numerics/networks.ts";
import { makeObjective, type Objective } from "../../src/numerics/objective.ts";
import { type TopEigenpairs, topEigenpairs } from "../../src/numerics/top-eigenpairs.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { isUnavailable } from "../../src/runtimes/unavailable.ts";
import { LAYERS, writeData } from "./data.ts";
import { ensurePeers } from "./peers.ts";

const [KS, TOL] = [[1, 3, 8], 1e-4] as const;
/** Figure 2's run, every second epoch through its second instability, whose loss peaks at epoch 89. */
const [SEED, ETA, FIRST, LAST, STRIDE] = [22, 0.05, 42, 100, 2];

interface Way {
  readonly products: number;
  readonly checkpoints: readonly { readonly values: readonly number[]; readonly worst: number }[];
}

const objective = await openObjective();
const path: FloatArray[] = [];
await gradientDescent(objective, [{ theta: initialise(objective.network, SEED), rate: ETA }], {
  epochs: LAST,
  isCheckpoint: (epoch) => epoch >= FIRST && (epoch - FIRST) % STRIDE === 0,
  onCheckpoint: (_, __, theta) => void path.push(theta),
});
const ours = new Map<number, { readonly warm: Way; readonly cold: Way }>();
for (const k of KS) ours.set(k, { warm: await follow(k, true), cold: await follow(k, false) });
const runtime = objective.runtime;
await objective.dispose();
await runtime.dispose();
const theirs = askArpack();

const lines = [
  `Top k of ${path.length} Hessians (epochs ${FIRST}, ${FIRST + STRIDE}, …, ${LAST}), each residual at most ${TOL}·λ₁: products a Hessian (ratio to ours, warm)`,
  "",
  "| k | ours, warm | ours, cold | ARPACK, cold | ARPACK, cold, best of three ncv | ARPACK, warm |",
  "|---|---|---|---|---|---|",
];
for (const [k, own] of ours) {
  const { default: plain, warm, ...tried } = theirs[k]!;
  const [ncv, best] = Object.entries(tried).reduce((least, way) => (way[1].products < least[1].products ? way : least));
  check(k, { "ours, warm": own.warm, "ours, cold": own.cold, ARPACK: plain!, "ARPACK, warm": warm!, ...tried });
  const cell = ({ products }: Way): string =>
    `${(products / path.length).toFixed(1)} (${(products / own.warm.products).toFixed(2)}×)`;
  const first = (own.warm.products / path.length).toFixed(1);
  lines.push(`| ${k} | ${first} | ${cell(own.cold)} | ${cell(plain!)} | ${cell(best)}, ${ncv} | ${cell(warm!)} |`);
}
process.stdout.write(`${lines.join("\n")}\n`);

async function openObjective(): Promise<Objective> {
  const device = await openRuntime("onnx:cpu");
  if (isUnavailable(device)) throw new Error(device.message);
  const read = (name: string): Uint8Array => gunzipSync(readFileSync(join("stages", "data", name)));
  const data = Uint8Array.from(read("train-images-idx3-ubyte.gz").subarray(16, 16 + 784_000));
  const labels = Uint8Array.from(read("train-labels-idx1-ubyte.gz").subarray(8, 1008));
  return makeObjective(device, mlp(LAYERS), {
    train: {
      inputs: { dtype: "u8", shape: [1000, 784], data },
      labels,
      normalisation: { mean: 0.2859, std: 0.353 },
    },
  });
}

async function follow(k: number, isWarm: boolean): Promise<Way> {
  const checkpoints: Way["checkpoints"][number][] = [];
  let products = 0;
  let before: TopEigenpairs | undefined;
  for (const theta of path) {
    const { hvp, dispose } = await objective.linearize(theta);
    before = await topEigenpairs(hvp, objective.numParams, k, {
      tol: TOL,
      precision: objective.float,
      confirm: false,
      ...(isWarm && before !== undefined ? { warmStart: before.restartVectors } : {}),
    });
    products += before.numMatvecs;
    const residuals: number[] = [];
    for (const [i, vector] of before.vectors.entries()) {
      const product = await hvp(vector);
      residuals.push(norm(Float64Array.from(product, (value, j) => value - before!.values[i]! * vector[j]!)));
    }
    checkpoints.push({ values: before.values, worst: Math.max(...residuals) / before.values[0]! });
    dispose();
  }
  return { products, checkpoints };
}

function askArpack(): Readonly<Record<string, Readonly<Record<string, Way>>>> {
  const folder = mkdtempSync(join(tmpdir(), "gd-instabilities-arpack-"));
  try {
    writeData(folder);
    writeFileSync(join(folder, "path.f32"), Buffer.concat(path.map((theta) => bytesOf(theta as Float32Array))));
    const python = ensurePeers();
    const { status, stdout, stderr } = spawnSync(
      python,
      ["bench/numerics/arpack.py", folder, String(TOL), ...KS.map(String)],
      {
        encoding: "utf8",
        env: { ...process.env, JAX_PLATFORMS: "cpu" },
        maxBuffer: 2 ** 26,
      },
    );
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as ReturnType<typeof askArpack>;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Before a count counts: all have found the same eigenvalues, to the residual that was asked for. */
function check(k: number, ways: Readonly<Record<string, Way>>): void {
  for (const [name, { checkpoints }] of Object.entries(ways))
    for (const [t, { values, worst }] of checkpoints.entries()) {
      const expected = ours.get(k)!.cold.checkpoints[t]!.values;
      // An eigenvalue is off by its residual at most; and float32's products by 2⁻²⁴ of 1,000 terms.
      const off = Math.max(...values.map((value, i) => Math.abs(value - expected[i]!))) / expected[0]!;
      if (!(worst <= 1.05 * TOL) || !(off <= 2 * TOL + 1000 * 2 ** -24))
        throw new Error(`k = ${k}, ${name}, checkpoint ${t}: residual ${worst}, eigenvalues off by ${off}`);
    }
}
