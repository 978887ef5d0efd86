/** Vega spec → SVG: headless, laid out with the real font's widths, the same bytes every time. */
import * as vega from "vega";
import { collectComplaints } from "./complaints.ts";
import { SUBSCRIPT_SIZE, textRuns, withSubscripts } from "./subscripts.ts";
import { faceOf, font } from "./typeface.ts";

interface TextItem {
  readonly fontSize?: number;
  readonly fontWeight?: string | number;
  readonly fontStyle?: string;
}

const DEFAULT_SIZE = 11;

/** Vega's own measure, which guesses 0.8 em a character where there is no canvas; missing from its types. */
const { textMetrics } = vega as unknown as { textMetrics: { width: (item: TextItem, text: unknown) => number } };

export async function svgOf(spec: vega.Spec): Promise<string> {
  textMetrics.width = measure;
  const complaints = collectComplaints();
  const view = new vega.View(vega.parse(spec), { renderer: "none", logger: complaints.logger });
  try {
    const svg = await view.toSVG();
    complaints.refuse("Vega about the figure");
    return typeset(stable(svg));
  } finally {
    view.finalize();
  }
}

function measure(item: TextItem, text: unknown): number {
  const size = item.fontSize ?? DEFAULT_SIZE;
  const face = font(faceOf(item.fontWeight, item.fontStyle));
  // As Vega's own: what is drawn is trimmed.
  const drawn = text === null || text === undefined ? "" : String(text).trim();
  return textRuns(drawn).reduce(
    (total, run) => total + size * (run.subscript ? SUBSCRIPT_SIZE : 1) * face.width(run.text),
    0,
  );
}

/**
 * Counters of the process out of the ids, and numbers to thousandths of a pixel: what remains depends on the data alone,
 * not on what was drawn before nor on the last bits of a machine's sine.
 */
function stable(svg: string): string {
  const ids = new Map<string, string>();
  const renamed = svg.replace(/\b(clip|gradient_|pattern_)(\d+)\b/g, (id: string, kind: string) => {
    if (!ids.has(id)) ids.set(id, `${kind}${[...ids.keys()].filter((known) => known.startsWith(kind)).length}`);
    return ids.get(id)!;
  });
  return renamed.replace(/="[^"]*"/g, (attribute) =>
    attribute.replace(/-?\d*\.\d{4,}(e-?\d+)?/g, (number) => String(Math.round(Number(number) * 1000) / 1000 + 0)),
  );
}

/** Subscripts as lowered spans. */
function typeset(svg: string): string {
  return svg.replace(/<text([^>]*)>(.*?)<\/text>/gs, (_, attributes: string, content: string) => {
    const size = Number(/font-size="([\d.]+)/.exec(attributes)?.[1] ?? DEFAULT_SIZE);
    // What stands between tags: a text of several lines has a span for each.
    const lines = content.replace(/(^|>)([^<]+)/g, (_match, before: string, line: string) => {
      return before + withSubscripts(line, size);
    });
    return `<text${attributes}>${lines}</text>`;
  });
}
