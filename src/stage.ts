/**
 * The contract between the engine and a stage module: the only file of ours that both know.
 *
 * A stage module's default export is `defineStage({ run })`. The engine bundles the module, hashes the bundle, and runs
 * it in a child process that can read its declared deps and write its declared outs and nothing else.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A dep as the stage sees it: where to read it and which matrix instance made it (`{}` for files and unmatrixed stages). */
export interface DepFile {
  readonly path: string;
  readonly instance: Readonly<Record<string, string | number | boolean>>;
}

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** What is counted, plural: "epochs", "matvecs", "bytes". */
  readonly unit: string;
  readonly message?: string;
}

export interface StageContext {
  /** The instance's name, e.g. `train@eta=0.05`. */
  readonly name: string;
  /** Declared params, interpolated for this instance. */
  readonly params: Json;
  /** This instance's matrix values. */
  readonly instance: Readonly<Record<string, string | number | boolean>>;
  /** Single deps by name. Asking for one that is a fan-in, or for an undeclared one, throws. */
  dep(name: string): DepFile;
  /** Fan-in deps by name, in the producers' matrix order. Works for single ones too (one element). */
  depAll(name: string): readonly DepFile[];
  /** Absolute path to write the out to: a file, or an existing empty directory for `kind: directory`. */
  out(name: string): string;
  /** What the stage's declared platform module found (`platform:`), e.g. the runtime and device to use; `{}` without one. */
  readonly platform: { readonly [key: string]: Json };
  /** For each artifact's provenance: key, code digest, params, platform. */
  readonly provenance: Provenance;
  /** What of the machine the action may use (`resources:`). No result may depend on it. */
  readonly resources: StageResources;
  /**
   * With `resume: true`: a folder that survives a kill, and is empty when the stage starts from nothing. What is written
   * there must be whole at any instant (write under another name, then rename), and lead to the same bytes of the outs.
   */
  readonly resume?: string;
  /** Shown in the live view. Cheap: throttled by the receiver. */
  progress(progress: Progress): void;
  /** One line into the stage's log. */
  log(line: string): void;
}

export interface StageResources {
  /** How many threads it may keep busy. */
  readonly threads: number;
  /** Ids of the GPUs that are its own, all or a part of each; CUDA sees no others. `[]` without `gpu:`. */
  readonly gpus: readonly string[];
  /** Bytes; what `memory:` says. */
  readonly memory?: number;
}

export interface Provenance {
  readonly stage: string;
  readonly key: string;
  readonly codeDigest: string;
  readonly params: Json;
  readonly platform: { readonly [key: string]: Json };
}

/** One instance of a batch. */
export interface BatchMember extends StageContext {
  /**
   * Does what concerns this instance alone, such as writing its outs, and ends it: well, or, where `work` throws, as a
   * failure of this instance and of no other. Never rejects. Each instance is to be settled once.
   */
  settle(work: () => Promise<void> | void): Promise<void>;
}

export interface Stage {
  run(context: StageContext): Promise<void>;
  /** See `BatchStage`. */
  runBatch?(members: readonly BatchMember[]): Promise<void>;
}

/**
 * For `batch:` in pipeline.yaml: one process gets all or some of the instances that are stale. What it makes of each must
 * not depend on which others there are. Without it, `run` is called for each in turn; where it is all there is, it is
 * called for single instances too.
 */
export interface BatchStage {
  /** When it rejects, or its process dies, the members that are not settled are run again one by one. */
  runBatch(members: readonly BatchMember[]): Promise<void>;
}

/** For `export default`. A `BatchStage` gets the `run` that a batch of one is. */
export function defineStage(stage: Stage | BatchStage): Stage {
  if ("run" in stage) return stage;
  return {
    ...stage,
    async run(context) {
      const failures: unknown[] = [];
      const settle: BatchMember["settle"] = async (work) => {
        try {
          await work();
        } catch (error) {
          failures.push(error);
        }
      };
      await stage.runBatch([{ ...context, settle }]);
      if (failures.length > 0) throw failures[0];
    },
  };
}

/**
 * An expected failure of a stage, such as truncated data: the engine shows `message` and `remedy` without a stack trace.
 * Any other exception is a bug and is shown with its stack.
 */
export class StageError extends Error {
  readonly remedy: string | undefined;
  constructor(message: string, remedy?: string) {
    super(message);
    this.name = "StageError";
    this.remedy = remedy;
  }
}

/**
 * A platform module (`platforms:` in pipeline.yaml) tells what the machine decides: its facts go into the key of every
 * stage that names it. Its default export is `definePlatform({ probe })`.
 */
export interface PlatformFacts {
  readonly facts: { readonly [key: string]: Json };
  /** Files or device nodes whose appearance or change makes the answer stale, e.g. `/dev/nvidia0`. */
  readonly watched: readonly string[];
}

export interface PlatformFailure {
  readonly reason: "platform-unavailable";
  readonly message: string;
  readonly remedy: string;
}

export interface Platform {
  /** `env` holds the platform's declared environment variables only. */
  probe(env: Readonly<Record<string, string | undefined>>): Promise<PlatformFacts | PlatformFailure>;
}

export function definePlatform(platform: Platform): Platform {
  return platform;
}
