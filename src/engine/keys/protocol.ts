import type {
  DepFile,
  Json,
  PlatformFacts,
  PlatformFailure,
  Progress,
  Provenance,
  StageResources,
} from "../../stage.ts";

/** What the engine tells the child that runs a stage (stage-host.ts). Paths are absolute. */
export interface StageSpec {
  readonly name: string;
  readonly params: Json;
  readonly instance: Readonly<Record<string, string | number | boolean>>;
  readonly deps: Readonly<Record<string, { readonly each: boolean; readonly files: readonly DepFile[] }>>;
  readonly outs: Readonly<Record<string, string>>;
  readonly platform: { readonly [key: string]: Json };
  readonly provenance: Provenance;
  readonly resources: StageResources;
  readonly resume?: string;
}

export type ToHost =
  /** Several specs are a batch. */
  | { readonly type: "run"; readonly bundle: string; readonly specs: readonly StageSpec[] }
  | { readonly type: "probe"; readonly bundle: string; readonly env: Readonly<Record<string, string | undefined>> };

/** `member` is the place in `specs`. */
export type FromHost =
  | { readonly type: "progress"; readonly member: number; readonly progress: Progress }
  /** Of a batch: what one member printed. */
  | {
      readonly type: "output";
      readonly member: number;
      readonly stream: "stdout" | "stderr";
      readonly text: string;
    }
  /** Of a batch: one member has ended. */
  | { readonly type: "settled"; readonly member: number; readonly seconds: number; readonly error?: HostError }
  | { readonly type: "done" }
  | { readonly type: "facts"; readonly facts: PlatformFacts | PlatformFailure }
  | { readonly type: "error"; readonly error: HostError };

/** An exception of the stage, as far as it can be sent. */
export interface HostError {
  /** `expected`: a StageError. `contract`: the module or its use of the context is wrong. `thrown`: anything else. */
  readonly kind: "expected" | "contract" | "thrown";
  readonly name: string;
  readonly message: string;
  readonly remedy: string | undefined;
  readonly stack: string | undefined;
  /** Of system errors and of the permission model. */
  readonly code: string | undefined;
  readonly permission: string | undefined;
  readonly resource: string | undefined;
}
