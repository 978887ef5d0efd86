/** Figure 5b: VGG10 on CIFAR10-5k, or what a profile has in its place. */
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import { fillSlots } from "../../src/figures/slots.ts";
import { type Figure5Tables, figure5Data, marksNote, sidesOf, thresholdDoubt } from "./fig05.ts";
import spec from "./fig05.vl.json" with { type: "json" };
import type { Study } from "./image-tables.ts";
import { grouped, studyHeading, studyTitle, VGG10_5K } from "./studies.ts";

export function figure5bSpec(study: Study, tables: Figure5Tables): FigureSpec {
  const title = studyTitle(study, VGG10_5K);
  const doubt = thresholdDoubt(tables.stable);
  return fillSlots(spec, {
    title: studyHeading(study, VGG10_5K, { notes: [marksNote(tables), ...(doubt === undefined ? [] : [doubt])] }),
    description: `Figure 5b: validation accuracy of ${title}, trained to completion, over the learning rate. Crosses lie below the stability threshold 2/S_max (dotted), circles above it; from the red dotted line on learning rates are extremely large. The line is the mean over initialisations. Ticks on the axis: runs that diverged or did not complete their training.`,
    width: 520,
    sides: sidesOf(tables),
  });
}

export function figure5bData(tables: Figure5Tables, study: Study, extreme: number): Record<string, Rows> {
  const title = `Accuracy on ${grouped(study.data.test)} test images`;
  return figure5Data(tables, { panels: [{ samples: "paper", title }], extreme });
}
