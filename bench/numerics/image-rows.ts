import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Absent,
  type ImageContender,
  type ImageMeasurement,
  type ImageRowKind,
  OUT_OF_MEMORY,
  startImageContender,
} from "./image-contender.ts";
import { type ImageNetworkName, writeImageData } from "./image-data.ts";
import { median } from "./statistics.ts";

export interface ImageGroup {
  readonly network: ImageNetworkName;
  readonly images: number;
  /** Calls a turn, and turns. */
  readonly iterations: number;
  readonly rounds: number;
  /** Asked in turn, round after round. Otherwise one after another, ours before and behind the peers: memory for one. */
  readonly together: boolean;
}

export const IMAGE_GROUPS: readonly ImageGroup[] = [
  { network: "vgg10", images: 256, iterations: 4, rounds: 5, together: true },
  { network: "vgg10", images: 1024, iterations: 2, rounds: 3, together: true },
  { network: "resnet20", images: 1024, iterations: 2, rounds: 1, together: false },
];

const KINDS: readonly ImageRowKind[] = ["gradient", "hvp", "hvp-linearized"];
const isWanted = (row: ImageRowKind): boolean => process.env.BENCH_KINDS?.split(",").includes(row) ?? true;
const NAMES = ["onnx:cpu", "PyTorch", "PyTorch compiled", "JAX"] as const;

interface Cell {
  readonly milliseconds: number[];
  readonly processor: number[];
  peak: number;
  variant: string;
  distance: number;
  absent: string | undefined;
}

/** The lines of the table, told one by one to `report` as they are there. */
export async function runImageRows(
  groups: readonly ImageGroup[],
  python: string,
  report: (line: string) => void,
): Promise<void> {
  report(`| network, images | row | ${NAMES.join(" | ")} |`);
  report(`|---|---|${NAMES.map(() => "---").join("|")}|`);
  for (const group of groups) {
    const folder = mkdtempSync(join(tmpdir(), "gd-instabilities-bench-"));
    writeImageData(folder, group.network, group.images);
    try {
      for (const row of KINDS.filter(isWanted)) {
        const cells = await measureRow(group, row, folder, python);
        report(
          `| ${group.network}, ${group.images} | ${row} | ${cells.map((cell) => format(cell, cells[0]!)).join(" | ")} |`,
        );
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

async function measureRow(group: ImageGroup, row: ImageRowKind, folder: string, python: string): Promise<Cell[]> {
  const { iterations, rounds, together, network } = group;
  const cells = NAMES.map((): Cell => {
    return { milliseconds: [], processor: [], peak: 0, variant: "", distance: 0, absent: undefined };
  });
  const start = (i: number): Promise<ImageContender> =>
    startImageContender(NAMES[i]!, commandOf(i, folder, network, python));
  let expected: Float32Array | undefined;
  const take = async (contender: ImageContender, i: number, counts: boolean): Promise<void> => {
    const cell = cells[i]!;
    if (cell.absent !== undefined) return;
    const measured: ImageMeasurement | Absent = await contender.measure({ row, iterations: counts ? iterations : 1 });
    if ("absent" in measured) {
      cell.absent = measured.absent;
      process.stderr.write(`${contender.name}, ${network} ${row}: ${cell.absent}\n`);
      return;
    }
    expected ??= vectorIn(measured.result);
    cell.distance = relativeDistance(vectorIn(measured.result), expected);
    // Masks of ReLU and of pooling flip where float32 sums in another order: a few of millions.
    if (!(cell.distance < 0.03))
      throw new Error(`${contender.name} computes something else in ${network} ${row}: off by ${cell.distance}`);
    cell.peak = Math.max(cell.peak, measured.peakMegabytes);
    cell.variant = measured.variant ?? "";
    if (!counts) return;
    cell.milliseconds.push(median(measured.milliseconds));
    cell.processor.push(measured.processorMilliseconds);
    process.stderr.write(`${contender.name}, ${network} ${row}: ${format(cell, cell)}\n`);
  };
  if (together) {
    const contenders: ImageContender[] = [];
    for (const i of NAMES.keys()) contenders.push(await start(i));
    for (let round = 0; round <= rounds; round++)
      for (const [i, contender] of contenders.entries()) await take(contender, i, round > 0);
    for (const contender of contenders) await contender.stop();
  } else {
    for (const i of [...NAMES.keys(), 0]) {
      const contender = await start(i);
      // Preparing has called each once already; a round more to warm up would take minutes here.
      for (let round = 0; round < rounds; round++) await take(contender, i, true);
      await contender.stop();
    }
  }
  return cells;
}

function commandOf(i: number, folder: string, network: string, python: string): readonly string[] {
  if (i === 0) return [process.execPath, "scripts/run-ts.js", "bench/numerics/image-ours.ts", folder, network];
  return [python, "bench/numerics/image-peers.py", ["torch", "torch-compile", "jax"][i - 1]!, folder, network];
}

/** Milliseconds (ratio to ours), processor time, peak memory. */
function format(cell: Cell, ours: Cell): string {
  if (cell.absent !== undefined) return cell.absent === OUT_OF_MEMORY ? OUT_OF_MEMORY : "–";
  const time = median(cell.milliseconds);
  const ratio = cell === ours ? "" : ` (${(time / median(ours.milliseconds)).toFixed(2)}×)`;
  const variant = cell.variant === "" ? "" : `, ${cell.variant}`;
  const processor = median(cell.processor).toFixed(0);
  return `${time.toFixed(0)}${ratio}, CPU ${processor}, ${cell.peak.toFixed(0)} MB${variant}`;
}

const vectorIn = (file: string): Float32Array => new Float32Array(new Uint8Array(readFileSync(file)).buffer);

function relativeDistance(a: Float32Array, b: Float32Array): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}
