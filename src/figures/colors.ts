/** All colours of the figures, by what they are for. The specs in stages/figures name them by value, and a test holds them to these. */

/** Okabe and Ito (2008), safe for the colour-blind and in print; grey and black beside them. */
export const PALETTE = {
  black: "#000000",
  blue: "#0072B2",
  sky: "#56B4E9",
  green: "#009E73",
  orange: "#E69F00",
  vermillion: "#D55E00",
  purple: "#CC79A7",
  grey: "#7A7A7A",
} as const;

/** Of those, dark enough for thin lines and small text on white. */
export const DARKER = { vermillion: "#B34E00", purple: "#B5457F" } as const;

/** Ordered series, from low to high: viridis (van der Walt and Smith 2015) without its pale end. */
export const ORDERED = {
  four: ["#440154", "#3B528B", "#21918C", "#5DC863"],
  six: ["#440154", "#414487", "#2A788E", "#22A884", "#7AD151", "#BDDF26"],
} as const;

/** What is no data: text, axes, what lies behind. */
export const SURROUNDINGS = {
  paper: "#FFFFFF",
  ink: "#1A1A1A",
  axis: "#4D4D4D",
  grid: "#E6E6E6",
  aside: "#555555",
  contour: "#A8A8A8",
} as const;

/** Cells of tables, and the numbers in them that are not ours. */
export const TABLE = { plain: "#F7F7F7", marked: "#E8F1F8", paper: "#6B6B6B", absent: "#717171" } as const;

/** Figure 1's map of the loss, from its floor up. */
export const TERRAIN = ["#3B5B7A", "#44586B", "#8FA3B5"] as const;
