/** Figure 4: what is drawn of runs whose learning rate is reduced. */
import type { Rows } from "../../src/figures/compile.ts";
import type { EventualSharpness } from "./model-tables.ts";
import { mean } from "./statistics.ts";

export interface Figure4Tables {
  /** Runs with a large η up to a switch. */
  readonly reduced: readonly EventualSharpness[];
  /** Runs that are stable from the start. */
  readonly stable: readonly EventualSharpness[];
}

/** The mean over seeds of the eventual maximum of S; the seeds' own beside it. */
export interface Flattening {
  readonly eta: number;
  readonly at: number;
  readonly sharpness: number;
  readonly seeds: readonly { readonly seed: number; readonly sharpness: number }[];
}

export function flattenings({ reduced }: Figure4Tables): Flattening[] {
  const etas = distinct(reduced.map(({ before }) => before));
  const switches = distinct(reduced.map(({ at }) => at));
  return etas.flatMap((eta) =>
    switches.flatMap((at) => {
      const seeds = reduced
        .filter((run) => run.before === eta && run.at === at)
        .flatMap(({ seed, maximum }) => (maximum === null ? [] : [{ seed, sharpness: maximum.sharpness }]));
      return seeds.length === 0 ? [] : [{ eta, at, sharpness: mean(seeds.map(({ sharpness }) => sharpness)), seeds }];
    }),
  );
}

/** Of the seeds that the reduced runs have, or of all where they have none of them. */
export function baseline({ reduced, stable }: Figure4Tables): number {
  const seeds = new Set(reduced.map(({ seed }) => seed));
  const own = stable.filter(({ seed }) => seeds.has(seed));
  const maxima = (own.length > 0 ? own : stable).map(({ maximum }) => maximum?.sharpness ?? Number.NaN);
  return mean(maxima);
}

export function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

/** The figure's named data. Panel b shows one seed's runs at the middle one of the learning rates. */
export function figure4Data(tables: Figure4Tables): Record<string, Rows> {
  const found = flattenings(tables);
  const level = baseline(tables);
  const etas = distinct(tables.reduced.map(({ before }) => before));
  const shown = etas[Math.floor(etas.length / 2)];
  const seed = tables.reduced[0]?.seed;
  const runs = tables.reduced.filter((run) => run.before === shown && run.seed === seed);
  const reference = tables.stable.filter((run) => run.seed === seed);
  const small = tables.reduced[0]?.after;
  const last = Math.max(...runs.map(({ ending }) => ending.epoch), ...reference.map(({ ending }) => ending.epoch));
  return {
    means: found.map(({ eta, at, sharpness }) => ({ eta: label(eta), at, sharpness })),
    seeds: found.flatMap(({ eta, at, seeds }) =>
      seeds.map((own) => ({ eta: label(eta), at, sharpness: own.sharpness, seed: own.seed })),
    ),
    baseline: [{ sharpness: level, label: `stable from the start: ${level.toPrecision(3)}` }],
    curves: [
      ...reference.flatMap((run) => curveOf(run, `stable, η = ${run.before}`)),
      ...[...runs].sort((a, b) => a.at - b.at).flatMap((run) => curveOf(run, `epoch ${run.at}`)),
    ],
    shown: [{ epoch: last, label: `η₀ = ${shown}, η = ${small} from the switch on` }],
  };
}

const label = (eta: number): string => `η₀ = ${eta}`;

function curveOf({ rows, maximum }: EventualSharpness, name: string): Rows {
  return rows.map(({ epoch, sharpness }) => ({ name, epoch, sharpness, top: epoch === maximum?.epoch }));
}
