import { type Claim, VERDICT_TEXT } from "./claims.ts";
import type { RevisionDifference } from "./compare-revision.ts";
import { rebuildCommands } from "./compare-revision.ts";
import type { ClaimChange, Difference, FigureChange, TableChange } from "./difference.ts";
import { picture } from "./figures.ts";
import { anchor, type Html, html } from "./html.ts";
import type { Libraries } from "./libraries.ts";
import { groupLeaves, type LeafGroup, relativeText } from "./metrics.ts";
import { page, type Section } from "./page.ts";
import { figureLabel, timeText, valueText } from "./values.ts";

const MAX_GROUPS = 20;

/** A revision and now, side by side. Its figures are still pictures: two that move apart are hard to compare. */
export function diffPage(name: string, difference: RevisionDifference, fonts: Libraries["fonts"]): string {
  const { revision, params, results, notices, profile } = difference;
  const sections: Section[] = [
    {
      id: "params",
      title: "Params",
      body:
        params.length === 0
          ? same("The params are the same.")
          : leaves(
              params.map((most) => ({ most, count: 1 })),
              params.length,
            ),
    },
    ...(results === undefined ? [] : resultSections(revision.short, results)),
  ];
  const incomplete = results === undefined || results.missing.length > 0;
  return page({
    title: `${name}: ${revision.short} and now`,
    header: html`<h1>${name}: ${revision.short} and now</h1><p>${revision.subject}</p><ul class="facts"><li>Committed ${timeText(new Date(revision.when).toISOString())}</li><li>Profile ${profile}</li></ul>${notices.map((notice) => html`<p class="notice">${notice}</p>`)}${incomplete && rebuild(difference)}`,
    sections,
    footer: html`<p>Written by <code>npx pipeline diff ${revision.short}</code>. This page connects to nothing.</p>`,
    libraries: { scripts: [], fonts },
  });
}

function resultSections(before: string, results: Difference): Section[] {
  const { claims, sameClaims, figures, tables, stale } = results;
  const changed = figures.filter(({ change }) => change !== "same");
  const still = figures.filter(({ change }) => change === "same").map(({ name }) => figureLabel(name));
  return [
    {
      id: "claims",
      title: "Statements",
      body: html`${stale.length > 0 && html`<p class="notice">Not up to date here, shown as made last: ${stale.join(", ")}.</p>`}<p>${claims.length} came out differently, ${sameClaims} the same.</p>${claims.length > 0 && claimTable(before, claims)}`,
    },
    {
      id: "figures",
      title: "Figures",
      body: html`${still.length > 0 && html`<p>The same to the last byte: ${still.join(", ")}.</p>`}${changed.map((figure) => figurePair(before, figure))}`,
      entries: changed.map(({ name }) => ({ id: anchor("figure", name), title: figureLabel(name) })),
    },
    {
      id: "tables",
      title: "Numbers in tables",
      body: html`${tables.filter(({ change }) => change !== "same").map(tableCard)}${tables.every(({ change }) => change === "same") && same("All tables are the same.")}`,
    },
  ];
}

function rebuild({ revision, results }: RevisionDifference): Html {
  return html`<div class="card"><p>${results === undefined ? `${revision.short} recorded no results that can be read. To make them, in a folder of their own:` : `Some results of ${revision.short} or now are not in this cache. To have them:`}</p><pre>${rebuildCommands(revision, results !== undefined).join("\n")}</pre></div>`;
}

function claimTable(before: string, claims: readonly ClaimChange[]): Html {
  return html`<div class="card"><table class="claims"><colgroup><col class="statement"><col class="value"><col class="value"><col class="verdict-column"></colgroup><thead><tr><th scope="col">Statement</th><th scope="col">${before}</th><th scope="col">Now</th><th scope="col">Expected</th></tr></thead><tbody>${claims.map(
    ({ figure, before: was, after: is }) =>
      html`<tr><th scope="row">${(is ?? was)!.statement}<p class="why">${figureLabel(figure)}</p></th><td data-label="${before}">${outcome(was)}</td><td data-label="Now">${outcome(is)}</td><td data-label="Expected">${valueText((is ?? was)!.paper)}</td></tr>`,
  )}</tbody></table></div>`;
}

function outcome(claim: Claim | undefined): Html {
  if (claim === undefined) return html`<span class="soft">not stated</span>`;
  return html`<span class="verdict ${claim.verdict}">${VERDICT_TEXT[claim.verdict]}</span> <span class="values">${valueText(claim.ours)}</span>`;
}

function figurePair(before: string, { name, change, before: was, after: is }: FigureChange): Html {
  const id = anchor("figure", name);
  const side = (title: string, svg: string | undefined, gone: boolean): Html =>
    html`<div><h4>${title}</h4>${svg === undefined ? html`<p class="soft">${gone ? "There is none." : "Its picture is not in this cache."}</p>` : html`<div class="paper" tabindex="0" role="group" aria-label="${figureLabel(name)}, ${title}">${picture(svg, `${id}-${anchor("side", title)}`, `${figureLabel(name)}, ${title}`)}</div>`}</div>`;
  return html`<article class="card" id="${id}"><h3>${figureLabel(name)}</h3><div class="pair">${side(before, was, change === "new")}${side("now", is, change === "gone")}</div></article>`;
}

function tableCard({ path, change, leaves: changes }: TableChange): Html {
  const words = {
    new: "is new",
    gone: "is gone",
    unreadable: "differs; its numbers are not in this cache",
    changed: "",
    same: "",
  };
  const body =
    change === "changed" ? leaves(groupLeaves(changes), MAX_GROUPS) : html`<p class="soft">It ${words[change]}.</p>`;
  return html`<div class="card"><h3><code>${path}</code></h3>${body}</div>`;
}

function leaves(groups: readonly LeafGroup[], limit: number): Html {
  const rows = groups
    .slice(0, limit)
    .map(
      ({ most, count }) =>
        html`<tr><th scope="row"><code>${most.path}</code>${count > 1 && html` <span class="small soft">and ${count - 1} more like it</span>`}</th><td class="number">${valueText(most.before)}</td><td class="number">${valueText(most.after)}</td><td class="number soft">${relativeText(most)}</td></tr>`,
    );
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Changed values"><table><thead><tr><th scope="col">Value</th><th scope="col" class="number">Before</th><th scope="col" class="number">Now</th><th scope="col" class="number">Change</th></tr></thead><tbody>${rows}</tbody></table></div>${groups.length > limit && html`<p class="soft">… and ${groups.length - limit} kinds of values more</p>`}`;
}

function same(text: string): Html {
  return html`<p class="soft">${text}</p>`;
}
