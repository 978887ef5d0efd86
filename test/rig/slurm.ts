import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

/** A real Slurm in miniature: munged, slurmctld and three slurmd (two nodes, and one in a partition `apart`) on this machine, in a temporary folder, on free ports. */
export interface MiniCluster {
  /** What leads Slurm's programs to it. */
  readonly env: { readonly SLURM_CONF: string };
  /** Runs one of Slurm's programs to its end and gives what it printed; throws where it fails. */
  ask(program: string, ...args: readonly string[]): string;
  /** A node loses its power: slurmd and all that runs there are gone at once, and nobody tells the controller. */
  crash(node: string): void;
  /** A node comes back. */
  boot(node: string): void;
  /** What a job has started is gone at once, as where memory runs out; what watches it is not. */
  killJob(job: string): void;
  /** The controller ends and keeps what it knows, or comes back, with lines of slurm.conf changed. */
  endController(): void;
  startController(settings?: Settings): void;
  stop(): void;
}

/** Why there can be none on this machine; `undefined` where there can. */
export function noSlurm(): string | undefined {
  const missing = ["munged", "slurmctld", "slurmd", "sbatch", "squeue"].filter(
    (name) => spawnSync("sh", ["-c", `command -v ${name}`], { env: { PATH } }).status !== 0,
  );
  if (missing.length > 0)
    return `Slurm is not installed (${missing.join(", ")}): apt-get install slurmctld slurmd munge slurm-client`;
  if (process.getuid?.() !== 0) return "slurmctld, slurmd and munged are started as root";
  return undefined;
}

const NODES = ["n1", "n2", "n3"];
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** The partition `crowded` takes one array of four tasks at a time, and refuses more as a limit of an account does; `closed` takes none. */
const CROWDED = `
function slurm_job_submit(job, partitions, user)
  if job.partition == "closed" then return slurm.ESLURM_ACCOUNTING_POLICY end
  if job.partition ~= "crowded" then return slurm.SUCCESS end
  for _, other in pairs(slurm.jobs) do
    if other.partition == "crowded" and other.job_state <= 1 then return slurm.ESLURM_ACCOUNTING_POLICY end
  end
  local last = string.match(job.array_inx or "0", "(%d+)$")
  if tonumber(last) >= 4 then return slurm.ESLURM_ACCOUNTING_POLICY end
  return slurm.SUCCESS
end
function slurm_job_modify() return slurm.SUCCESS end
return slurm.SUCCESS
`;

/** Lines of slurm.conf, by name. */
export type Settings = Readonly<Record<string, string | number>>;

export interface ClusterOptions {
  /** A device on the second node, which is none. */
  readonly gres?: boolean;
  /** Processors of each node. */
  readonly cpus?: number;
  readonly settings?: Settings;
}

export async function startCluster({
  gres = false,
  cpus = 4,
  settings = {},
}: ClusterOptions = {}): Promise<MiniCluster> {
  const folder = mkdtempSync(join(tmpdir(), "slurm-"));
  for (const name of ["run", "state", "log", ...NODES.map((name) => `spool-${name}`)]) mkdirSync(join(folder, name));
  const [controller, ...nodes] = await freePorts(1 + NODES.length);
  const host = hostname();
  const key = join(folder, "munge.key");
  writeFileSync(key, Buffer.from(crypto.getRandomValues(new Uint8Array(1024))), { mode: 0o400 });
  const socket = join(folder, "munge.sock");
  const conf = join(folder, "slurm.conf");
  const pids = { munged: join(folder, "munged.pid"), slurmctld: join(folder, "run", "slurmctld.pid") };
  const run = (program: string, ...args: readonly string[]): string =>
    execFileSync(program, args, {
      env: { PATH, SLURM_CONF: conf },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  if (gres) {
    // Devices are device files: these have nothing behind them.
    writeFileSync(join(folder, "gres.conf"), `NodeName=n2 Name=gpu File=/dev/null\n`);
  }
  const lines = [
    "ClusterName=mini",
    `SlurmctldHost=${host}(127.0.0.1)`,
    "AuthType=auth/munge",
    `AuthInfo=socket=${socket}`,
    "CredType=cred/munge",
    "SlurmUser=root",
    "SlurmdUser=root",
    `SlurmctldPort=${controller}`,
    `SlurmctldPidFile=${pids.slurmctld}`,
    `SlurmdPidFile=${folder}/run/slurmd-%n.pid`,
    `SlurmdSpoolDir=${folder}/spool-%n`,
    `StateSaveLocation=${folder}/state`,
    `SlurmctldLogFile=${folder}/log/slurmctld.log`,
    `SlurmdLogFile=${folder}/log/slurmd-%n.log`,
    "ProctrackType=proctrack/pgid",
    "TaskPlugin=task/none",
    "SchedulerType=sched/backfill",
    "SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=1,sched_min_interval=20000",
    "SelectType=select/cons_tres",
    "SelectTypeParameters=CR_CPU_Memory",
    "PreemptType=preempt/partition_prio",
    "PreemptMode=REQUEUE",
    "ReturnToService=2",
    "MpiDefault=none",
    "JobAcctGatherType=jobacct_gather/none",
    "AccountingStorageType=accounting_storage/none",
    "SlurmctldTimeout=10",
    "SlurmdTimeout=30",
    "InactiveLimit=0",
    "MinJobAge=300",
    "KillWait=6",
    "MaxArraySize=2001",
    // A job that says nothing of memory would get all of it; nodes have more processors than the machine.
    "DefMemPerCPU=50",
    "SlurmdParameters=config_overrides",
    ...(gres ? ["GresTypes=gpu"] : []),
    ...nodes.map(
      (port, index) =>
        `NodeName=n${index + 1} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${port} CPUs=${cpus} RealMemory=2000${gres && index === 1 ? " Gres=gpu:1" : ""}`,
    ),
    "PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP PriorityTier=1",
    "JobSubmitPlugins=lua",
    "PartitionName=crowded Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=1",
    "PartitionName=closed Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=1",
    "PartitionName=apart Nodes=n3 MaxTime=INFINITE State=UP PriorityTier=1",
    "PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF",
  ];
  const configure = (changed: Settings): void => {
    const names = new Set(Object.keys(changed));
    const kept = lines.filter((line) => !names.has(line.slice(0, line.indexOf("="))));
    writeFileSync(
      conf,
      `${[...Object.entries(changed).map(([name, value]) => `${name}=${value}`), ...kept].join("\n")}\n`,
    );
  };
  configure(settings);
  writeFileSync(join(folder, "job_submit.lua"), CROWDED);
  const munged = ["--force", `--key-file=${key}`, `--socket=${socket}`, `--pid-file=${pids.munged}`];
  run("munged", ...munged, `--log-file=${folder}/munged.log`, `--seed-file=${folder}/munge.seed`);
  const boot = (name: string): void => void run("slurmd", "-f", conf, "-N", name);
  run("slurmctld", "-f", conf);
  for (const name of NODES) boot(name);

  // At once: an orderly end takes ten seconds, and nobody will ask for what it would save.
  const end = (file: string): void => {
    try {
      kill(Number(readFileSync(file, "utf8")));
    } catch {
      // It has never started.
    }
  };
  const cluster: MiniCluster = {
    env: { SLURM_CONF: conf },
    ask: run,
    crash(node) {
      end(join(folder, "run", `slurmd-${node}.pid`));
      // What watches a job goes before the job: it would tell how that ended.
      const jobs = processesWith(`SLURMD_NODENAME=${node}`, `SLURM_CONF=${conf}`);
      for (const pid of [...jobs.flatMap(watcherOf), ...withDescendants(jobs)]) kill(pid);
    },
    killJob(job) {
      const [array, index] = job.split("_");
      const variables = [`SLURM_ARRAY_JOB_ID=${array}`, `SLURM_ARRAY_TASK_ID=${index}`, `SLURM_CONF=${conf}`];
      for (const pid of withDescendants(processesWith(...variables))) kill(pid);
    },
    boot,
    endController() {
      const pid = Number(readFileSync(pids.slurmctld, "utf8"));
      process.kill(pid, "SIGTERM");
      until(() => !existsSync(`/proc/${pid}`) || /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
    },
    startController(changed = {}) {
      configure({ ...settings, ...changed });
      run("slurmctld", "-f", conf);
      until(() => run("scontrol", "ping").includes("UP"));
    },
    stop() {
      try {
        if (run("squeue", "--noheader") !== "") {
          run("scancel", "--user=root");
          until(() => run("squeue", "--noheader") === "");
        }
      } catch {
        // The controller is gone: what it had started goes with its nodes.
      }
      for (const name of NODES) end(join(folder, "run", `slurmd-${name}.pid`));
      end(pids.slurmctld);
      end(pids.munged);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  until(() => cluster.ask("sinfo", "--noheader", "--format=%T %D", "--partition=main").trim() === "idle 2");
  return cluster;
}

/** Asks until something holds; throws after half a minute. */
function until(holds: () => boolean): void {
  const last = Date.now() + 30_000;
  for (;;) {
    try {
      if (holds()) return;
    } catch {
      // Nobody answers yet.
    }
    if (Date.now() > last) throw new Error("the cluster in miniature does not come up");
    pause();
  }
}

/** Those that were started with these variables. */
function processesWith(...variables: readonly string[]): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      return variables.every((variable) => environment.includes(variable)) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function withDescendants(pids: readonly number[]): number[] {
  const children = pids.flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    } catch {
      return [];
    }
  });
  return pids.length === 0 ? [] : [...new Set([...pids, ...withDescendants(children)])];
}

function watcherOf(pid: number): number[] {
  try {
    const parent = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    return readFileSync(`/proc/${parent}/comm`, "utf8").startsWith("slurmstepd") ? [parent] : [];
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((fulfil) => server.listen(0, "127.0.0.1", () => fulfil(server)));
    }),
  );
  const ports = servers.map((server) => (server.address() as { readonly port: number }).port);
  await Promise.all(servers.map((server) => new Promise((fulfil) => server.close(fulfil))));
  return ports;
}
