import type { Json } from "../stage.ts";
import type { ClaimsFile } from "./claims.ts";

/** Everything that a report tells, read from the workspace: data alone. */
export interface ReportData {
  readonly name: string;
  readonly description: string | undefined;
  readonly profile: string;
  /** ISO 8601, when the report was written. */
  readonly when: string;
  readonly revision: string | undefined;
  readonly figures: readonly FigureEntry[];
  /** Claims of figures that the plan has, and of others (a claims file without a figure). */
  readonly claims: readonly ClaimsFile[];
  readonly stages: readonly StageEntry[];
  /** What could not be found out, in sentences. */
  readonly notices: readonly string[];
}

export interface FigureEntry {
  /** `fig02` */
  readonly name: string;
  readonly instance: string;
  readonly stage: string;
  readonly state: State;
  /** The Vega-Lite specification, once it is made. */
  readonly spec: { readonly [key: string]: Json } | undefined;
  readonly svg: string | undefined;
  readonly claims: ClaimsFile | undefined;
}

/** `unknown`: the platform could not be asked, so nobody can tell whether it is up to date. */
export type State = "fresh" | "restorable" | "stale" | "unknown";

export interface StageEntry {
  readonly stage: string;
  /** The module or the command. */
  readonly action: string;
  readonly platform: string | undefined;
  /** Stages that it reads from. */
  readonly from: readonly string[];
  readonly files: readonly string[];
  readonly instances: readonly InstanceEntry[];
}

export interface InstanceEntry {
  readonly name: string;
  readonly state: State;
  readonly params: Json;
  readonly record: RecordEntry | undefined;
}

/** What the action record says of the result that is here. */
export interface RecordEntry {
  readonly key: string;
  /** The digest of the code's bundle; none for `cmd:`. */
  readonly code: string | undefined;
  readonly seconds: number;
  readonly when: string;
  /** The name of the processor that it ran on. */
  readonly cpu?: string | undefined;
  readonly platform: Readonly<Record<string, Json>>;
  readonly packages: Readonly<Record<string, string>>;
  readonly outs: readonly { readonly name: string; readonly digest: string; readonly bytes: number }[];
}
