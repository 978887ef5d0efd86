import { type Claim, type ClaimsFile, countVerdicts, type PaperTable, VERDICT_TEXT, VERDICTS } from "./claims.ts";
import { plural } from "./figures.ts";
import { anchor, type Html, html } from "./html.ts";
import { figureLabel, isPapersFigure, valueText } from "./values.ts";

/** All statements of the paper with its numbers, ours and how they came out. None is left out, whatever it came to. */
export function claimsBoard(files: readonly ClaimsFile[]): Html {
  if (files.length === 0) return html`<p class="soft">There are none yet.</p>`;
  const filters = ["all", ...VERDICTS] as const;
  return html`<fieldset hidden><legend>Show</legend>${filters.map(
    (filter) =>
      html`<label><input type="radio" name="verdict" value="${filter}" data-filter${filter === "all" && html` checked`}> ${filter === "all" ? "all" : plural(2, VERDICT_TEXT[filter])}</label>`,
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
<thead><tr><th scope="col">Statement</th><th scope="col">Paper</th><th scope="col">Ours</th><th scope="col">Verdict</th></tr></thead>
<tbody>${claims.map((claim) => claimRow(figure, claim))}</tbody></table></div>`;
}

function claimRow(figure: string, claim: Claim): Html {
  const { statement, source, paper, ours, rule, verdict, note } = claim;
  return html`<tr id="${claimId(figure, claim)}" data-verdict="${verdict}"><th scope="row">${statement}<p class="why">${capital(source)}</p></th><td data-label="Paper"><span class="values">${valueText(paper)}</span></td><td data-label="Ours"><span class="values">${valueText(ours)}</span></td><td><span class="verdict ${verdict}">${VERDICT_TEXT[verdict]}</span><p class="why">Holds if ${rule}</p>${note !== undefined && html`<p class="why">${note}</p>`}</td></tr>`;
}

function claimId(figure: string, { id }: Claim): string {
  return anchor("claim", `${figure}-${id}`);
}

/** The paper's tables: under each column its number and ours. */
export function tablesBesides(files: readonly ClaimsFile[]): Html | undefined {
  const tables = files.flatMap(({ figure, tables = [] }) => tables.map((table) => ({ figure, table })));
  if (tables.length === 0) return undefined;
  return html`${tables.map(({ figure, table }) => tableCard(figure, table))}`;
}

function tableCard(figure: string, { id, title, source, columns, rows, note }: PaperTable): Html {
  return html`<div class="card" id="${anchor("table", `${figure}-${id}`)}"><div class="scroll" tabindex="0" role="group" aria-label="${title}"><table><caption>${title}</caption>
<thead><tr><th scope="col" rowspan="2"></th>${columns.map((column) => html`<th scope="colgroup" colspan="2" class="number">${column}</th>`)}</tr>
<tr>${columns.map(() => html`<th scope="col" class="number">paper</th><th scope="col" class="number">ours</th>`)}</tr></thead>
<tbody>${rows.map(
    ({ label, paper, ours }) =>
      html`<tr><th scope="row">${label}</th>${columns.map((_, index) => html`<td class="number">${valueText(paper[index])}</td><td class="number"><strong>${valueText(ours[index])}</strong></td>`)}</tr>`,
  )}</tbody></table></div><p class="small soft">${capital(source)}${note !== undefined && `. ${note}`}</p></div>`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
