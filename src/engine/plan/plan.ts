import type { Json } from "../../stage.ts";

/** Brand strings keep one kind of digest from being passed as another. */
export type Digest = string & { readonly __brand: "Digest" };
export type Key = string & { readonly __brand: "Key" };
/** `train@eta=0.05,seed=0`, or the stage's name where it has no matrix. */
export type InstanceName = string & { readonly __brand: "InstanceName" };

export type MatrixValue = string | number | boolean;

/** Where a declaration stands in `pipeline.yaml`, 1-based. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Two numbers agree when |a − b| ≤ absolute + relative · max(|a|, |b|). */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

export interface PlannedOut {
  readonly name: string;
  /** Relative to the workspace, with `/`; e.g. `artifacts/runs/eta=0.05/run.json`. */
  readonly path: string;
  readonly kind: "file" | "directory";
  /** The name of a schema in `schemas/` that the out must satisfy. */
  readonly schema: string | undefined;
}

export type PlannedDep =
  | {
      readonly type: "out";
      readonly name: string;
      /** `each: true` is a fan-in: the stage sees a list even when it has one element. */
      readonly each: boolean;
      readonly from: readonly { readonly instance: InstanceName; readonly out: string }[];
    }
  | { readonly type: "files"; readonly name: string; readonly patterns: readonly string[] };

export type PlannedAction =
  | { readonly type: "run" /** Workspace-relative path of the stage module. */; readonly module: string }
  | { readonly type: "cmd" /** Interpolated but for `${deps.*}` and `${outs.*}`. */; readonly command: string };

/** What one process of a stage takes while it runs. Not part of the key: no result may depend on it. */
export interface Resources {
  /** Cores it keeps busy; 1 unless given. */
  readonly cpu?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly gpu?: {
    /** A number of whole devices, or a part of one. */
    readonly amount: number;
    /** Which devices will do; any unless given. */
    readonly of?: readonly string[];
    /** It also runs where there are not so many. */
    readonly optional?: boolean;
  };
  /** Names that only one process at a time may hold. */
  readonly mutex?: readonly string[];
}

/** How much there is to do, in a unit of the stage's own, so that a time can be told of what never ran. */
export interface Work {
  /** Above 0. */
  readonly amount: number;
  /** Stages with the same unit are taken to be equally fast; without one a stage is compared with itself alone. */
  readonly unit?: string;
  /** Above 0: in how many it is done, each of which takes a time of its own beside its share of the amount. */
  readonly steps?: number;
  /** Of how much progress that is the work: an execution whose progress ended elsewhere has done more, or less. */
  readonly times?: number;
}

/** After which failures an action runs again. */
export interface Retries {
  /** How many times more. */
  readonly times: number;
  /** Reasons of failures, and exit codes. */
  readonly on: readonly (string | number)[];
  /** Seconds before the first time; twice as many before each further one. */
  readonly delay: number;
}

/** Everything the declaration says of one matrix instance of one stage: what the engine needs to make its key and run it. */
export interface Instance {
  readonly name: InstanceName;
  readonly stage: string;
  readonly matrix: Readonly<Record<string, MatrixValue>>;
  readonly action: PlannedAction;
  readonly deps: readonly PlannedDep[];
  readonly outs: readonly PlannedOut[];
  readonly params: Json;
  /** Names of environment variables the action may see; their values are part of the key. */
  readonly env: readonly string[];
  /** The platform whose facts are part of the key. */
  readonly platform: string | undefined;
  /** Extra directories or devices the sandbox lets the action read, not part of the key (e.g. a data mirror). */
  readonly reads: readonly string[];
  /** Directories outside the artifacts that the action may read and write, not part of the key (e.g. a cache of downloads); written like `reads`. */
  readonly writes?: readonly string[];
  /** How far numbers of its outs may differ between two executions; not part of the key. */
  readonly tolerance?: Partial<Tolerance>;
  readonly resources?: Resources;
  /** Not part of the key. */
  readonly work?: Work;
  /** Instances of the stage may share a process, so many at most. Not part of the key: their results are the same as alone. */
  readonly batch?: { readonly max: number };
  /** It keeps its state in a folder that survives a kill. Not part of the key: its result is that of an uninterrupted run. */
  readonly resume?: boolean;
  readonly retries?: Retries;
  /** Seconds after which it is ended. */
  readonly timeout?: number;
  readonly position: SourcePosition;
}

export interface PlannedPlatform {
  readonly name: string;
  readonly module: string;
  readonly env: readonly string[];
}

/** How a Slurm cluster is asked for work. Not part of the key. */
export interface SlurmOptions extends JobOptions {
  /** The name of the resource that a device is: `gpu`, `gpu:a100`. */
  readonly gres: string;
  /** Further flags of sbatch; they come last. */
  readonly flags: readonly string[];
  /** Of jobs that ask for no device, over those of all. */
  readonly cpu?: JobOptions;
  /** Of single stages' jobs, over those. */
  readonly stages?: Readonly<Record<string, JobOptions>>;
  /** Shell text that each job begins with. */
  readonly setup?: string;
  /** Seconds between two looks at the queue. */
  readonly poll: number;
  /** Processes in the queue at most, pending and running. */
  readonly jobs: number;
  /** Processes in one job array at most. */
  readonly array: number;
  /** What becomes of jobs when the run is interrupted. */
  readonly onInterrupt: "cancel" | "leave";
}

/** What a job is submitted with. */
export interface JobOptions {
  readonly partition?: string;
  readonly account?: string;
  readonly qos?: string;
  readonly constraint?: string;
  readonly gres?: string;
  /** The time limit, in seconds, of jobs whose stage has no `timeout:`; else the partition's. */
  readonly time?: number;
  readonly flags?: readonly string[];
}

/** Where results are shared with other machines. Not part of any key. */
export interface RemoteOptions {
  readonly url?: string;
  readonly mode?: "read-only" | "read-write";
  /** Ed25519 public keys: only records that one of them has signed are taken. */
  readonly trusted?: readonly string[];
}

/** The whole declaration, expanded: instances in topological order, producers before consumers. */
export interface Plan {
  readonly workspace: string;
  readonly profile: string;
  readonly instances: readonly Instance[];
  readonly platforms: readonly PlannedPlatform[];
  /** The folder that holds all outs, workspace-relative; `artifacts` unless pipeline.yaml says otherwise. */
  readonly artifacts?: string;
  /** The names of all profiles of pipeline.yaml. */
  readonly profiles?: readonly string[];
  /** Where actions run; here unless given. */
  readonly executor?: "slurm";
  /** For `slurm`, with what the profile says of its own. */
  readonly slurm?: SlurmOptions;
  readonly remote?: RemoteOptions;
  /** The module that tells `pipeline doctor` what the workspace needs of the machine. */
  readonly doctor?: string;
}
