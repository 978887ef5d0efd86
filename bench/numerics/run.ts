/**
 * `npm run bench:numerics [-- --rows mlp,vgg10,resnet20]`: the paper's networks on this project's onnx runtime, PyTorch
 * (eager, compiled) and JAX, side by side.
 *
 * All contenders are processes that live for the whole run and are asked in turn, round after round, so that drift of
 * the machine meets all alike. What is quoted is the median of the rounds' medians, and ratios of those.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { type Contender, type Row, startContender } from "./contender.ts";
import { writeData } from "./data.ts";
import { IMAGE_GROUPS, runImageRows } from "./image-rows.ts";
import { ensurePeers } from "./peers.ts";
import { median } from "./statistics.ts";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const ROWS: readonly Row[] = [
  { row: "step", replicas: 1, iterations: 100 },
  { row: "step", replicas: 8, iterations: 30 },
  { row: "step", replicas: 47, iterations: 8 },
  { row: "descent", replicas: 1, iterations: 20 },
  { row: "descent", replicas: 8, iterations: 5 },
  { row: "descent", replicas: 47, iterations: 2 },
  { row: "hvp", replicas: 1, iterations: 60 },
  { row: "hvp", replicas: 8, iterations: 20 },
  { row: "hvp", replicas: 47, iterations: 5 },
  { row: "hvp-linearized", replicas: 1, iterations: 60 },
  { row: "hvp-linearized", replicas: 8, iterations: 20 },
  { row: "hvp-linearized", replicas: 47, iterations: 5 },
];

const wanted = wantedRows(process.argv.slice(2));
const python = ensurePeers();
const model = cpus()[0]?.model.trim() ?? "unknown CPU";
const header = (rounds: string): string =>
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model}, Node ${process.version}, ${rounds}, median ms (ratio to ours)`;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (wanted.has("mlp")) await runMlpRows();
const groups = IMAGE_GROUPS.filter(({ network }) => wanted.has(network));
if (groups.length > 0) {
  if (wanted.has("mlp")) say("");
  say(header("1 to 5 rounds"));
  say("");
  await runImageRows(groups, python, say);
}

/** `--rows mlp,vgg10,resnet20`; all of them by default. */
function wantedRows(argv: readonly string[]): ReadonlySet<string> {
  const known = ["mlp", "vgg10", "resnet20"];
  const [flag, list] = argv;
  if (flag === undefined) return new Set(known);
  const names = list?.split(",") ?? [];
  if (flag !== "--rows" || names.length === 0 || names.some((name) => !known.includes(name))) {
    process.stderr.write(`usage: npm run bench:numerics [-- --rows ${known.join(",")}]\n`);
    process.exit(2);
  }
  return new Set(names);
}

async function runMlpRows(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "gd-instabilities-bench-"));
  writeData(folder);
  const peers = "bench/numerics/peers.py";
  const contenders: Contender[] = [];
  for (const [name, command] of [
    ["onnx:cpu", [process.execPath, "scripts/run-ts.js", "bench/numerics/ours.ts", folder]],
    ["PyTorch", [python, peers, "torch", folder]],
    ["PyTorch compiled", [python, peers, "torch-compile", folder]],
    ["JAX", [python, peers, "jax", folder]],
  ] as const) {
    contenders.push(await startContender(name, command));
  }

  const lines = [
    header(`${ROUNDS} rounds`),
    "",
    `| MLP, 1,000 samples | ${contenders.map((contender) => contender.name).join(" | ")} |`,
    `|---|${contenders.map(() => "---").join("|")}|`,
  ];
  for (const row of ROWS) {
    const times = contenders.map((): number[] => []);
    let expected: { loss: number; norm: number } | undefined;
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [i, contender] of contenders.entries()) {
        const measured = await contender.measure(row);
        if (measured === undefined) continue;
        expected ??= measured;
        check(contender.name, row, measured, expected);
        // Round 0 compiles and warms up.
        if (round > 0) times[i]!.push(median(measured.milliseconds));
      }
    }
    const ours = median(times[0]!);
    const cells = times.map((values, i) => {
      if (values.length === 0) return "–";
      const value = median(values);
      return i === 0 ? value.toFixed(2) : `${value.toFixed(2)} (${(value / ours).toFixed(2)}×)`;
    });
    lines.push(`| ${row.row}, R = ${row.replicas} | ${cells.join(" | ")} |`);
    process.stderr.write(`${lines.at(-1)}\n`);
  }
  for (const contender of contenders) contender.stop();
  rmSync(folder, { recursive: true });
  process.stdout.write(`${lines.join("\n")}\n`);
}

function check(name: string, row: Row, got: { loss: number; norm: number }, expected: { loss: number; norm: number }) {
  // float32 sums of 1,000 terms in different orders: 1,000 · 2⁻²⁴ ≈ 6e-5 in the worst case.
  const off = Math.max(Math.abs(got.loss / expected.loss - 1), Math.abs(got.norm / expected.norm - 1));
  if (!(off < 1e-4))
    throw new Error(`${name} computes something else in ${JSON.stringify(row)}: ${JSON.stringify(got)}`);
}
