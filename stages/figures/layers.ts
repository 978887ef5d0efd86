/** What is drawn of the layers' sharpness. */
import type { Rows } from "../../src/figures/compile.ts";
import type { LayersTable } from "./curvature-tables.ts";
import type { SharpnessTable } from "./mlp-tables.ts";
import { grouped } from "./studies.ts";

export interface LayersTables {
  readonly layers: LayersTable;
  readonly sharpness: SharpnessTable;
}

export function layersData({ layers, sharpness }: LayersTables): Record<string, Rows> {
  const whole = new Map(sharpness.rows.map(({ epoch, values }) => [epoch, values[0]!]));
  const rows = layers.rows.flatMap(({ epoch, values }) =>
    layers.layers.map(({ name, parameters }, i) => ({
      epoch,
      layer: `${name} (${grouped(parameters)})`,
      sharpness: values[i]!,
    })),
  );
  return {
    threshold: [{ threshold: layers.threshold, label: "2/η" }],
    whole: sharpness.rows.map(({ epoch, values }) => ({ epoch, sharpness: values[0]! })),
    layers: rows,
    shares: rows.flatMap(({ epoch, layer, sharpness: own }) => {
      const all = whole.get(epoch);
      return all === undefined ? [] : [{ epoch, layer, share: own / all }];
    }),
  };
}
