import { writeFileSync } from "node:fs";
import { type Claim, claimsArtifact, type PaperTable } from "../../src/figures/claims.ts";
import type { FigureSpec, Rows } from "../../src/figures/compile.ts";
import { renderFigure } from "../../src/figures/render.ts";
import type { StageContext } from "../../src/stage.ts";

export interface Figure {
  /** `fig01` */
  readonly name: string;
  readonly title: string;
  readonly spec: FigureSpec;
  readonly data: Readonly<Record<string, Rows>>;
  readonly claims: readonly Claim[];
  readonly tables?: readonly PaperTable[];
}

/** Writes the outs `spec`, `svg` and `png`: all that a figure without claims has. Its spec's `usermeta` has title and caption. */
export async function writePicture(
  context: StageContext,
  spec: FigureSpec,
  data: Readonly<Record<string, Rows>>,
): Promise<void> {
  const figure = await renderFigure(spec, data);
  writeFileSync(context.out("spec"), `${JSON.stringify(figure.spec)}\n`);
  writeFileSync(context.out("svg"), figure.svg);
  writeFileSync(context.out("png"), figure.png);
}

/** Writes a figure stage's four outs: `spec`, `svg`, `png` and `claims`. A failed claim is logged, and fails nothing. */
export async function writeFigure(
  context: StageContext,
  { name, title, spec, data, claims, tables }: Figure,
): Promise<void> {
  await writePicture(context, spec, data);
  const { stage, params, platform } = context.provenance;
  const artifact = claimsArtifact({
    figure: name,
    title,
    claims,
    ...(tables === undefined ? {} : { tables }),
    provenance: { stage, params, platform },
  });
  writeFileSync(context.out("claims"), `${JSON.stringify(artifact, null, 2)}\n`);
  for (const { id, verdict, paper, ours } of claims) {
    if (verdict !== "pass") context.log(`claim ${id}: ${verdict} (paper ${paper}, ours ${ours})`);
  }
  const passed = claims.filter(({ verdict }) => verdict === "pass").length;
  context.log(`${name}: ${passed} of ${claims.length} claims pass`);
}
