import { CLIENT } from "./client.ts";
import { codeScript, type Html, html, raw } from "./html.ts";
import type { Libraries } from "./libraries.ts";
import { STYLE } from "./style.ts";

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
  /** Entries below it in the table of contents. */
  readonly entries?: readonly { readonly id: string; readonly title: string }[];
}

export interface Page {
  readonly title: string;
  readonly header: Html;
  readonly sections: readonly Section[];
  readonly footer: Html;
  readonly libraries: Libraries;
}

/**
 * The policy forbids the page every connection: whatever a library may have in mind, nothing is fetched and nothing is sent.
 * `unsafe-eval` is Vega's, which compiles the expressions of a specification to functions.
 */
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:";

/** One self-contained document: style, scripts, fonts and data inside. */
export function page({ title, header, sections, footer, libraries }: Page): string {
  const fonts = libraries.fonts.map(
    ({ weight, url }) =>
      `@font-face{font-family:"Source Sans 3";font-weight:${weight};font-display:block;src:url(${url}) format("woff")}`,
  );
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${raw(STYLE)}${raw(fonts.join("\n"))}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header id="top">${header}</header>
<div class="frame">
<nav aria-label="Contents"><ol>${sections.map(contents)}</ol></nav>
<main id="main">${sections.map(sectionOf)}</main>
</div>
<footer>${footer}</footer>
${libraries.scripts.map(codeScript)}
${libraries.scripts.length > 0 && codeScript(CLIENT)}
</body>
</html>
`;
  return document.markup;
}

function contents({ id, title, entries = [] }: Section): Html {
  const below = entries.map((entry) => html`<li><a href="#${entry.id}">${entry.title}</a></li>`);
  return html`<li><a href="#${id}">${title}</a>${below.length > 0 && html`<ol>${below}</ol>`}</li>`;
}

function sectionOf({ id, title, body }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${body}</section>`;
}
