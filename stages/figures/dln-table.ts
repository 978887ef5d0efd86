/** `dln.json` as `stages/dln.ts` writes it. */
export interface DlnRow {
  readonly step: number;
  readonly theta1: number;
  readonly theta2: number;
  readonly product: number;
  readonly loss: number;
  readonly sharpness: number;
  readonly alignment: number | null;
  readonly u1: number;
  readonly u2: number;
}

export interface DlnTrajectoryTable {
  readonly eta: number;
  readonly threshold: number;
  readonly gammaBeta: number;
  readonly ending: string;
  readonly finalSharpness: number;
  readonly maxProduct: number;
  readonly maxProductStep: number;
  readonly minAlignment: number;
  readonly minAlignmentStep: number;
  readonly stepsAboveThreshold: number;
  readonly alignmentRises: boolean;
  readonly rows: readonly DlnRow[];
}

export interface DlnTable {
  readonly start: readonly [number, number];
  readonly initial: {
    readonly hessian: readonly (readonly number[])[];
    readonly values: readonly number[];
    readonly vectors: readonly (readonly number[])[];
    readonly beta: number;
    readonly alignment: number;
    readonly sharpnessGradient: readonly number[];
    readonly progressiveSharpening: number;
  };
  readonly thresholds: {
    readonly asymptotes: readonly [number, number];
    readonly unity: number;
    readonly zero: number;
    readonly edge: number;
  };
  readonly trajectories: readonly DlnTrajectoryTable[];
}
