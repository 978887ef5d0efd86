/** Figures 6a and 6b: what is drawn of models whose learning rate is reduced during training. */
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import { fillSlots } from "../../src/figures/slots.ts";
import { distinct } from "./fig04.ts";
import { completed } from "./fig05.ts";
import spec from "./fig06.vl.json" with { type: "json" };
import type { ReducedTable, Study } from "./image-tables.ts";
import type { GeneralizationRow, GeneralizationTable } from "./model-tables.ts";
import { mean } from "./statistics.ts";
import { studyHeading, studyTitle, VGG10_5K } from "./studies.ts";
import { logTicks } from "./ticks.ts";

export interface Figure6Tables {
  readonly reduced: ReducedTable;
  /** The same network and data with η constant: where the reduced runs come from, and what they are compared with. */
  readonly constant: GeneralizationTable;
}

/** The mean over seeds of what a model ends with. */
export interface Outcome {
  readonly sharpness: number;
  readonly accuracy: number;
  readonly seeds: readonly { readonly seed: number; readonly sharpness: number; readonly accuracy: number }[];
}

export interface Switched extends Outcome {
  readonly eta: number;
  /** As wanted, and the share of the run's epochs that had passed, in the mean over seeds. */
  readonly fraction: number;
  readonly share: number;
  /** On the training set, at the switch. */
  readonly trainAccuracy: number;
}

/** One of each η₀ and wanted fraction that any seed completed; ascending. */
export function switchedOf({ reduced }: Figure6Tables): Switched[] {
  const runs = reduced.models.filter((model) => completed(model) && model.reduction.at !== null);
  return distinct(runs.map(({ eta }) => eta)).flatMap((eta) =>
    distinct(runs.map(({ reduction }) => reduction.fraction)).flatMap((fraction) => {
      const own = runs.filter((model) => model.eta === eta && model.reduction.fraction === fraction);
      const outcome = outcomeOf(own);
      if (outcome === undefined) return [];
      const shares = own.map(({ reduction }) => reduction.at! / reduction.of);
      const accuracies = own.map(({ reduction }) => reduction.trainAccuracy ?? Number.NaN);
      return [{ eta, fraction, share: mean(shares), trainAccuracy: mean(accuracies), ...outcome }];
    }),
  );
}

/** What the same seeds end with where η₀ is kept; undefined where none completes its training. */
export function keptAt(eta: number, { reduced, constant }: Figure6Tables): Outcome | undefined {
  const seeds = new Set(reduced.models.map(({ seed }) => seed));
  return outcomeOf(
    constant.models.filter((model) => completed(model) && seeds.has(model.seed) && isNear(model.eta, eta)),
  );
}

/** The η that the runs are reduced to. */
export function smallOf({ reduced }: Figure6Tables): number | undefined {
  return reduced.models[0]?.reduction.to;
}

/** Grids are written to four digits, η_small to two. */
const isNear = (eta: number, wanted: number): boolean => Math.abs(eta / wanted - 1) < 0.02;

function outcomeOf(models: readonly GeneralizationRow[]): Outcome | undefined {
  const seeds = models.flatMap(({ seed, sharpness, validationAccuracy: accuracy }) =>
    sharpness === null || accuracy === null ? [] : [{ seed, sharpness, accuracy }],
  );
  if (seeds.length === 0) return undefined;
  return {
    sharpness: mean(seeds.map(({ sharpness }) => sharpness)),
    accuracy: mean(seeds.map(({ accuracy }) => accuracy)),
    seeds,
  };
}

export type Quantity = "sharpness" | "accuracy";

/** The figure's named data. */
export function figure6Data(tables: Figure6Tables, quantity: Quantity, extreme: number): Record<string, Rows> {
  const switched = switchedOf(tables);
  const small = smallOf(tables);
  const level = small === undefined ? undefined : keptAt(small, tables);
  const about = (eta: number) => ({ eta: etaName(eta), size: sizeName(eta, extreme) });
  const means = switched.map((of) => ({
    ...about(of.eta),
    share: percent(of.share),
    value: of[quantity],
    trainAccuracy: of.trainAccuracy,
    count: of.seeds.length,
  }));
  return {
    means,
    seeds: switched.flatMap((of) =>
      of.seeds.map((own) => ({ ...about(of.eta), share: percent(of.share), value: own[quantity], seed: own.seed })),
    ),
    // A data set without rows cannot be drawn: what is not there is drawn invisibly, on a mean.
    kept: orHidden(
      distinct(switched.map(({ eta }) => eta))
        .flatMap((eta) => {
          const outcome = keptAt(eta, tables);
          return outcome === undefined
            ? []
            : [{ ...about(eta), share: 100, value: outcome[quantity], count: outcome.seeds.length }];
        })
        .map((row, i) => ({ ...row, label: i === 0 ? "η₀ kept" : "" })),
      means,
    ),
    level: orHidden(level === undefined ? [] : [{ value: level[quantity], count: level.seeds.length }], means),
  };
}

function orHidden(rows: Rows, means: Rows): Rows {
  return rows.length > 0 ? rows : [{ ...means[0], label: "", hidden: true }];
}

const percent = (share: number): number => 100 * share;
const etaName = (eta: number): string => String(Number(eta.toPrecision(3)));
const LARGE = "extremely large η₀";
const sizeName = (eta: number, extreme: number): string => (eta >= extreme ? LARGE : "large η₀");

/** Pixels beyond the outermost marks of the axis, and of all of it. */
const PADDING = 8;
const HEIGHT = spec.height;

const LOOKS = {
  sharpness: { figure: "6a", name: "sharpness S", title: "S(θ) at completion" },
  accuracy: { figure: "6b", name: "validation accuracy", title: "validation accuracy at completion" },
} as const;

export function figure6Spec(tables: Figure6Tables, study: Study, quantity: Quantity, extreme: number): FigureSpec {
  const { figure, name, title } = LOOKS[quantity];
  const data = figure6Data(tables, quantity, extreme);
  const sizes = [...new Set(data.means!.map(({ size }) => size))];
  const all = ["means", "seeds", "kept", "level"].flatMap((set) => data[set]!.map(({ value }) => value as number));
  const isLog = quantity === "sharpness";
  const isSingle = [...data.means!, ...data.kept!].some(({ count }) => count === 1);
  const [level] = data.level!;
  // A label at the line would lie on curves.
  const note = [
    `Means over initialisations${isSingle ? "; open: one model only" : ""}.`,
    ...(level?.hidden
      ? []
      : [`Horizontal: η = ${smallOf(tables)} throughout${level?.count === 1 ? " (one model)" : ""}.`]),
  ].join(" ");
  return fillSlots(spec, {
    title: studyHeading(study, VGG10_5K, {
      ending: `, η reduced to ${smallOf(tables)}`,
      notes: [note],
    }),
    description: `Figure ${figure}: ${name} at the end of training of ${studyTitle(study, VGG10_5K)}, whose learning rate η₀ is reduced to ${smallOf(tables)} after a share of the epochs that η₀ alone takes; one curve per η₀, the mean over initialisations (small dots)${isSingle ? ", an open mark where only one completed its training" : ""}. Diamonds: η₀ kept to the end. Horizontal line: the small learning rate from the beginning.`,
    yTitle: title,
    yScale: isLog ? { type: "log", nice: false, padding: PADDING } : { zero: false, nice: true, padding: PADDING },
    yAxis: isLog ? { values: logTicks(all, PADDING / (HEIGHT - 2 * PADDING)), format: "~g" } : { tickCount: 6 },
    sizes,
    dashes: sizes.map((size) => (size === LARGE ? [4, 3] : [1, 0])),
  });
}
