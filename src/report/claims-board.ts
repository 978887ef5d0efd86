import {
  type Cell,
  type Claim,
  type ClaimsFile,
  countVerdicts,
  type PaperTable,
  VERDICT_TEXT,
  VERDICTS,
} from "./claims.ts";
import { plural } from "./figures.ts";
import { anchor, type Html, html } from "./html.ts";
import { figureLabel, isPapersFigure, typeset, valueText } from "./values.ts";

/**
 * All statements with what is expected of them, what came out and the verdict. None is left out, whatever it came to. `id`:
 * the section's, which has a filter of its own.
 */
export function claimsBoard(id: string, files: readonly ClaimsFile[]): Html {
  if (files.length === 0) return html`<p class="soft">There are none yet.</p>`;
  const filters = ["all", ...VERDICTS] as const;
  return html`<p>What is expected comes from the source that stands under each statement; where it expects no number, the rule alone decides.</p><fieldset hidden><legend>Show</legend>${filters.map(
    (filter) =>
      html`<label><input type="radio" name="${id}-verdict" value="${filter}" data-filter${filter === "all" && html` checked`}> ${filter === "all" ? "all" : plural(2, VERDICT_TEXT[filter])}</label>`,
  )}</fieldset>${files.map(fileTable)}`;
}

export function claimCounts(files: readonly ClaimsFile[]): Html {
  const counts = countVerdicts(files);
  return html`${VERDICTS.map(
    (verdict) =>
      html`<li class="${verdict}"><strong>${counts[verdict]}</strong>${counts[verdict] === 1 ? "statement" : "statements"} ${plural(counts[verdict], VERDICT_TEXT[verdict])}</li>`,
  )}`;
}

/** What did not hold, at the top: nobody should have to look for it. */
export function failures(files: readonly ClaimsFile[]): Html | false {
  const failed = files.flatMap(({ figure, claims }) =>
    claims.filter(({ verdict }) => verdict === "fail").map((claim) => ({ figure, claim })),
  );
  if (failed.length === 0) return false;
  return html`<div class="card"><h3>What does not hold here</h3><ul class="plain">${failed.map(
    ({ figure, claim }) =>
      html`<li><span class="verdict fail">${figureLabel(figure)}</span> <a href="#${claimId(figure, claim)}">${claim.statement}</a></li>`,
  )}</ul></div>`;
}

/** The paper's figures go by their numbers. */
export function shortTitle({ figure, title }: Pick<ClaimsFile, "figure" | "title">): string {
  return isPapersFigure(figure) ? figureLabel(figure) : title;
}

function fileTable({ figure, title, claims }: ClaimsFile): Html {
  const id = anchor("claims", figure);
  return html`<div class="card" id="${id}" data-group><h3><a href="#${anchor("figure", figure)}">${shortTitle({ figure, title })}</a>${isPapersFigure(figure) && html`. ${title}`}</h3>
<table class="claims"><colgroup><col class="statement"><col class="value"><col class="value"><col class="verdict-column"></colgroup>
<thead><tr><th scope="col">Statement</th><th scope="col">Expected</th><th scope="col">Ours</th><th scope="col">Verdict</th></tr></thead>
<tbody>${claims.map((claim) => claimRow(figure, claim))}</tbody></table></div>`;
}

function claimRow(figure: string, claim: Claim): Html {
  const { statement, source, paper, ours, rule, verdict, note } = claim;
  return html`<tr id="${claimId(figure, claim)}" data-verdict="${verdict}"><th scope="row">${statement}<p class="why">${capital(source)}</p></th><td data-label="Expected"><span class="values">${valueText(paper)}</span></td><td data-label="Ours"><span class="values">${valueText(ours)}</span></td><td><span class="verdict ${verdict}">${VERDICT_TEXT[verdict]}</span><p class="why">Holds if ${typeset(rule)}</p>${note !== undefined && html`<p class="why">${capital(typeset(note))}</p>`}</td></tr>`;
}

function claimId(figure: string, { id }: Claim): string {
  return anchor("claim", `${figure}-${id}`);
}

/** The paper's tables and what else is compared in one: under each column the source's number, as far as it has any, and ours. */
export function tablesBesides(files: readonly ClaimsFile[]): Html | undefined {
  const tables = files.flatMap(({ figure, tables = [] }) => tables.map((table) => ({ figure, table })));
  if (tables.length === 0) return undefined;
  return html`${tables.map(({ figure, table }) => tableCard(figure, table))}`;
}

function tableCard(figure: string, { id, title, source, columns, rows, note }: PaperTable): Html {
  const isCompared = rows.some(({ paper }) => paper.some((value) => value !== null));
  const theirs = isPapers(source) ? "paper" : "expected";
  return html`<div class="card" id="${anchor("table", `${figure}-${id}`)}"><h3>${isPapersFigure(figure) && html`<a href="#${anchor("figure", figure)}">${figureLabel(figure)}</a>. `}${title}</h3><div class="scroll" tabindex="0" role="group" aria-label="${title}"><table class="values">
<thead>${
    isCompared
      ? html`<tr><th scope="col" rowspan="2"></th>${columns.map((column) => html`<th scope="colgroup" colspan="2" class="number">${column}</th>`)}</tr>
<tr>${columns.map(() => html`<th scope="col" class="number">${theirs}</th><th scope="col" class="number">ours</th>`)}</tr>`
      : html`<tr><th scope="col"></th>${columns.map((column) => html`<th scope="col" class="number">${column}</th>`)}</tr>`
  }</thead>
<tbody>${rows.map(
    ({ label, paper, ours }) =>
      html`<tr><th scope="row">${label}</th>${columns.map((_, index) => html`${isCompared && html`<td class="number">${valueText(paper[index])}</td>`}${oursCell(ours[index])}`)}</tr>`,
  )}</tbody></table></div><p class="small soft">${capital(source)}${note !== undefined && `. ${note}`}</p></div>`;
}

/** Words, of what there is no number of, are not to look like one. */
function oursCell(value: Cell | undefined): Html {
  if (typeof value === "string" && !/\d/.test(value)) return html`<td class="number absent">${value}</td>`;
  return html`<td class="number"><strong>${valueText(value)}</strong></td>`;
}

const isPapers = (source: string): boolean => /^paper\b/.test(source);

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
