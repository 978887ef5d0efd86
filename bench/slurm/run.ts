/**
 * What an instance costs on a Slurm cluster beside the same command in a plain job array, and beside an array whose jobs
 * start Node and nothing else: a cluster in miniature on this machine, a matrix of commands that write a line each.
 *
 *     node scripts/run-ts.js bench/slurm/run.ts [--instances 200,1000] [--write]
 *
 * Each row is printed as it is measured; `--write` puts all of them into README.md, with the load that they met.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type MiniCluster, noSlurm, startCluster } from "../../test/rig/slurm.ts";

const CPUS = 8;
const root = resolve(process.env.PIPELINE_BENCH_ROOT ?? process.cwd());
const binary = join(root, "bin", "pipeline.js");
const BEGIN = "<!-- measured -->";
const END = "<!-- end -->";

interface Row {
  readonly instances: number;
  /** Of the machine, as it began. */
  readonly load: number;
  /** Seconds from sbatch to an empty queue. */
  readonly plain: number;
  /** The same, where each job starts Node besides. */
  readonly node: number;
  /** Seconds of `pipeline run`. */
  readonly pipeline: number;
  /** Seconds of processor time of the driver alone, with what it starts. */
  readonly driver: number;
  readonly arrays: number;
}

interface Ended {
  readonly seconds: number;
  readonly processor: number;
  readonly stdout: string;
}

function timed(cluster: MiniCluster, folder: string, command: string): Ended {
  const started = performance.now();
  const { stdout, stderr, status } = spawnSync("bash", ["-c", `TIMEFORMAT='%U %S'; time { ${command}; }`], {
    cwd: folder,
    env: { ...process.env, ...cluster.env },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${command}: ${stdout}\n${stderr}`);
  const [user = 0, system = 0] = stderr.trim().split("\n").at(-1)!.split(" ").map(Number);
  return { seconds: (performance.now() - started) / 1000, processor: user + system, stdout };
}

function plain(cluster: MiniCluster, folder: string, instances: number, name: string, first: string): number {
  mkdirSync(join(folder, name));
  const command = `echo $SLURM_ARRAY_TASK_ID > ${join(folder, name)}/$SLURM_ARRAY_TASK_ID.txt`;
  writeFileSync(join(folder, `${name}.sh`), `#!/bin/bash\nset -euo pipefail\n${first}${command}\n`);
  const submit = `sbatch --parsable --output=/dev/null --array=0-${instances - 1} ${name}.sh`;
  const { seconds } = timed(cluster, folder, `${submit}; while [ -n "$(squeue --noheader)" ]; do sleep 0.5; done`);
  const made = readdirSync(join(folder, name)).length;
  if (made !== instances) throw new Error(`the plain array made ${made} of ${instances} files`);
  return seconds;
}

function pipeline(
  cluster: MiniCluster,
  folder: string,
  instances: number,
): Pick<Row, "pipeline" | "driver" | "arrays"> {
  writeFileSync(
    join(folder, "pipeline.yaml"),
    `version: 1
params: { n: { range: { from: 0, to: ${instances - 1}, step: 1 } } }
slurm: { array: 1000 }
stages:
  one: { matrix: { i: "\${params.n}" }, cmd: "echo \${i} > \${outs.x}", outs: { x: "one/\${i}.txt" } }
`,
  );
  const run = `node ${binary} run --executor slurm --json`;
  const { seconds, processor, stdout } = timed(cluster, folder, run);
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly type: string; readonly job?: string; readonly ran?: number });
  if (events.at(-1)?.ran !== instances) throw new Error(`the pipeline ran ${events.at(-1)?.ran} of ${instances}`);
  const arrays = new Set(events.flatMap(({ type, job }) => (type === "job" ? [job!.replace(/_\d+$/, "")] : []))).size;
  return { pipeline: seconds, driver: processor, arrays };
}

function tableOf(rows: readonly Row[]): string {
  const number = (value: number): string => (value >= 10 ? value.toFixed(0) : value.toFixed(1));
  const lines = rows.map(({ instances, plain, node, pipeline, driver, arrays, load }) => {
    const milliseconds = (seconds: number): string => ((seconds * 1000) / instances).toFixed(0);
    const cells = [
      instances,
      arrays,
      number(plain),
      number(node),
      number(pipeline),
      milliseconds(pipeline - plain),
      milliseconds(pipeline - node),
      ((driver * 1000) / instances).toFixed(1),
      load.toFixed(1),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const heads = [
    "instances",
    "arrays",
    "plain array, s",
    "array of `node -e 0`, s",
    "pipeline, s",
    "more per instance, ms",
    "beside Node's start, ms",
    "driver's processor time per instance, ms",
    "load before",
  ];
  return [`| ${heads.join(" | ")} |`, `|${"---:|".repeat(heads.length)}`, ...lines].join("\n");
}

const missing = noSlurm();
if (missing !== undefined) {
  console.error(missing);
  process.exit(1);
}
const asked = process.argv[process.argv.indexOf("--instances") + 1];
const sizes = process.argv.includes("--instances") && asked !== undefined ? asked.split(",").map(Number) : [200, 1000];
const cluster = await startCluster({ cpus: CPUS });
const rows: Row[] = [];
try {
  // The program is bundled before anything is timed.
  spawnSync(process.execPath, [binary, "--version"]);
  for (const instances of sizes) {
    const folder = mkdtempSync(join(tmpdir(), "slurm-bench-"));
    try {
      const row: Row = {
        instances,
        load: loadavg()[0]!,
        plain: plain(cluster, folder, instances, "plain", ""),
        node: plain(cluster, folder, instances, "node", `'${process.execPath}' -e 0\n`),
        ...pipeline(cluster, folder, instances),
      };
      rows.push(row);
      console.log(JSON.stringify(row));
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }
} finally {
  cluster.stop();
}
const table = `${tableOf(rows)}\n\nTwo nodes of ${CPUS} processors on a machine of ${availableParallelism()} cores, Node ${process.version}.`;
console.log(table);
if (process.argv.includes("--write")) {
  const file = join(root, "bench", "slurm", "README.md");
  const text = readFileSync(file, "utf8");
  const [before, after] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${before}\n${table}\n${after}`);
}
