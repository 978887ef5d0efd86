/** One look for all figures: a paper's, not a dashboard's. Colours by Okabe and Ito (2008), safe for the colour-blind and in print. */
import type { Config } from "vega-lite";
import { FAMILY } from "./typeface.ts";

export const PALETTE = {
  black: "#000000",
  blue: "#0072B2",
  sky: "#56B4E9",
  green: "#009E73",
  yellow: "#F0E442",
  orange: "#E69F00",
  vermillion: "#D55E00",
  purple: "#CC79A7",
  grey: "#7A7A7A",
} as const;

const INK = "#1A1A1A";
const AXIS = "#4D4D4D";
const GRID = "#E6E6E6";

/** Sizes in px of the SVG; a figure of 900 px printed 7 inches wide has 6 pt tick labels. */
export const SIZES = { tick: 11, label: 12, title: 12, letter: 13 } as const;

export const THEME: Config = {
  font: FAMILY,
  background: "#FFFFFF",
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
