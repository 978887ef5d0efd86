import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../engine/system/build.ts";
import { toWoff } from "./woff.ts";

/** What a page carries with it, so that it needs no network: read when a report is written, imported by nothing. */
export interface Libraries {
  readonly scripts: readonly string[];
  /** WOFF files as `data:` URLs, by weight. */
  readonly fonts: readonly { readonly weight: number; readonly url: string }[];
}

/** In the order in which they need each other. */
const SCRIPTS = ["vega/build/vega.min.js", "vega-lite/build/vega-lite.min.js", "vega-embed/build/vega-embed.min.js"];

const FONTS = [
  { weight: 400, file: "400Regular/SourceSans3_400Regular.ttf" },
  { weight: 600, file: "600SemiBold/SourceSans3_600SemiBold.ttf" },
];

/** Throws where the packages are not installed, which `npm ci` makes sure of. */
export function readLibraries(): Libraries {
  const folder = join(packageRoot, "node_modules");
  return {
    scripts: SCRIPTS.map((file) => withoutSourceMap(readFileSync(join(folder, file), "utf8"))),
    fonts: readFonts(),
  };
}

export function readFonts(): Libraries["fonts"] {
  const folder = join(packageRoot, "node_modules", "@expo-google-fonts", "source-sans-3");
  return FONTS.map(({ weight, file }) => {
    const bytes = readFileSync(join(folder, file));
    return { weight, url: `data:font/woff;base64,${toWoff(bytes).toString("base64")}` };
  });
}

/** Developer tools would look for the map beside the page. */
function withoutSourceMap(code: string): string {
  return code.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
}
