/** Figure 5a: MLPs on Fashion-MNIST. */
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import { fillSlots } from "../../src/figures/slots.ts";
import { type Figure5Tables, figure5Data, marksNote, type Panel, sidesOf } from "./fig05.ts";
import spec from "./fig05.vl.json" with { type: "json" };
import { heading } from "./studies.ts";

const PANELS: readonly Panel[] = [
  { samples: "paper", title: "The paper’s 200 test samples" },
  { samples: "all", title: "The whole test set" },
];

export const figure5aSpec = (tables: Figure5Tables): FigureSpec =>
  fillSlots(spec, {
    title: heading("MLP on Fashion-MNIST", marksNote(tables)),
    description:
      "Figure 5a: validation accuracy of MLPs on Fashion-MNIST trained to completion, over the learning rate. Crosses lie below the stability threshold 2/S_max (dotted), circles above it; the line is the mean over initialisations. Ticks on the axis: runs that diverged or did not complete their training.",
    width: 350,
    sides: sidesOf(tables),
  });

export function figure5aData(tables: Figure5Tables): Record<string, Rows> {
  return figure5Data(tables, { panels: PANELS });
}
