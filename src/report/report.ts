import { formatSeconds } from "../reporters/text.ts";
import type { ClaimsFile } from "./claims.ts";
import { claimCounts, claimsBoard, failures, shortTitle, tablesBesides } from "./claims-board.ts";
import { dagSvg, secondsOf } from "./dag-svg.ts";
import type { ReportData } from "./data.ts";
import { figureArticle, labelOf } from "./figures.ts";
import { anchor, html } from "./html.ts";
import type { Libraries } from "./libraries.ts";
import { page, type Section } from "./page.ts";
import { provenance } from "./provenance.ts";
import { isPapersFigure, timeText } from "./values.ts";

/** The whole page. */
export function reportPage(data: ReportData, libraries: Libraries): string {
  const { figures, claims, stages, notices } = data;
  const made = figures.filter(({ spec }) => spec !== undefined).length;
  const seconds = stages.reduce((sum, stage) => sum + (secondsOf(stage) ?? 0), 0);
  const tables = tablesBesides(claims);
  const papers = claims.filter(({ figure }) => isPapersFigure(figure));
  const further = claims.filter(({ figure }) => !isPapersFigure(figure));
  const sections: Section[] = [
    {
      id: "summary",
      title: "Summary",
      body: html`${notices.map((notice) => html`<p class="notice">${notice}</p>`)}<ul class="counts">${claimCounts(claims)}<li><strong>${made}${made < figures.length && ` of ${figures.length}`}</strong>${figures.length === 1 ? "figure" : "figures"}</li></ul>${failures(claims)}`,
    },
    {
      id: "figures",
      title: "Figures",
      body: html`${figures.map(figureArticle)}`,
      entries: figures.map((figure) => ({ id: anchor("figure", figure.name), title: labelOf(figure) })),
    },
    claimsSection("claims", "Statements on the paper's figures", papers),
    ...(further.length === 0
      ? []
      : [claimsSection("further-claims", "Statements on figures beyond the paper", further)]),
    ...(tables === undefined ? [] : [{ id: "tables", title: "Tables", body: tables }]),
    {
      id: "pipeline",
      title: "The pipeline",
      body: html`<p>${stages.length} stages, left to right; the longer its bar, the longer it took. A line that a longer way implies is left out; provenance has them all. All results here took ${formatSeconds(seconds)} to compute.</p><div class="card dag"><div class="scroll" tabindex="0" role="group" aria-label="Graph of stages">${dagSvg(stages)}</div></div>`,
    },
    { id: "provenance", title: "Provenance", body: provenance(stages) },
  ];
  const devices = new Set(
    stages.flatMap(({ instances }) =>
      instances.flatMap(({ record }) =>
        Object.entries(record?.platform ?? {}).flatMap(([fact, value]) =>
          fact.endsWith(".device") ? [String(value)] : [],
        ),
      ),
    ),
  );
  return page({
    title: `${data.name}: report`,
    header: html`<h1>${data.name}: report</h1>${data.description !== undefined && html`<p>${data.description}</p>`}<ul class="facts"><li>Profile ${data.profile}</li>${devices.size > 0 && html`<li>Computed on ${[...devices].join(", ")}</li>`}${data.revision !== undefined && html`<li>Revision ${data.revision}</li>`}<li>Written ${timeText(data.when)}</li></ul>`,
    sections,
    footer: html`<p>Written by <code>npx pipeline report</code> from what the pipeline made. This page holds all it shows and connects to nothing. <a href="#top">Back to the top</a></p>`,
    libraries,
  });
}

function claimsSection(id: string, title: string, files: readonly ClaimsFile[]): Section {
  const entries = files.map((file) => ({ id: anchor("claims", file.figure), title: shortTitle(file) }));
  return { id, title, body: claimsBoard(id, files), entries };
}
