/** One look for all figures: a paper's, not a dashboard's. */
import type { Config } from "vega-lite";
import { SURROUNDINGS } from "./colors.ts";
import { FONT_FAMILY } from "./typeface.ts";

const { ink: INK, axis: AXIS, grid: GRID, paper: PAPER } = SURROUNDINGS;

/** Sizes in px of the SVG; a figure of 900 px printed 7 inches wide has 6 pt tick labels. */
export const SIZES = { tick: 11, label: 12, title: 12, letter: 13 } as const;

export const THEME: Config = {
  font: FONT_FAMILY,
  background: PAPER,
  padding: 8,
  // Labels for screen readers repeat every datum in the SVG; the description on its root is enough.
  aria: false,
  // Axis lines left and below; a plane or a map asks for its frame.
  view: { stroke: null },
  axis: {
    domainColor: AXIS,
    domainWidth: 0.75,
    gridColor: GRID,
    gridWidth: 0.75,
    tickColor: AXIS,
    tickWidth: 0.75,
    tickSize: 4,
    labelColor: INK,
    labelFontSize: SIZES.tick,
    labelPadding: 3,
    labelFlush: false,
    titleColor: INK,
    titleFontSize: SIZES.label,
    titleFontWeight: "normal",
    titlePadding: 6,
  },
  legend: {
    labelColor: INK,
    labelFontSize: SIZES.tick,
    titleColor: INK,
    titleFontSize: SIZES.label,
    titleFontWeight: "normal",
    labelLimit: 0,
    titleLimit: 0,
    symbolStrokeWidth: 1.75,
    symbolSize: 60,
    rowPadding: 2,
    columnPadding: 14,
  },
  header: {
    labelColor: INK,
    labelFontSize: SIZES.title,
    titleColor: INK,
    titleFontSize: SIZES.title,
    titleFontWeight: "normal",
  },
  title: {
    color: INK,
    fontSize: SIZES.letter,
    fontWeight: 600,
    subtitleColor: INK,
    subtitleFontSize: SIZES.title,
    anchor: "start",
    frame: "group",
    offset: 6,
  },
  text: { color: INK, fontSize: SIZES.tick },
  line: { strokeWidth: 1.5, strokeJoin: "round", strokeCap: "round" },
  rule: { strokeWidth: 1 },
  point: { strokeWidth: 1 },
  concat: { spacing: 22 },
};
