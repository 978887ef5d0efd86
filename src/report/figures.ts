import { countVerdicts, VERDICT_TEXT, VERDICTS } from "./claims.ts";
import type { FigureEntry, State } from "./data.ts";
import { anchor, type Html, html, jsonScript, raw } from "./html.ts";
import { makeInteractive } from "./interactive.ts";
import { figureLabel } from "./values.ts";

/** One figure: the still picture, which a browser with scripts replaces by a drawing with tooltips and zoom. */
export function figureArticle(figure: FigureEntry): Html {
  const { name, spec, claims, stage, state } = figure;
  const id = anchor("figure", name);
  const label = labelOf(figure);
  const title = claims === undefined || claims.title === label ? label : `${label}. ${claims.title}`;
  const caption = captionOf(figure);
  if (spec === undefined) {
    return html`<article class="card" id="${id}" aria-labelledby="${id}-title"><h3 id="${id}-title">${title}</h3><p class="soft">Not made yet: <code>npx pipeline run ${stage}</code></p></article>`;
  }
  const { datasets = {}, ...plain } = spec;
  const rows = datasets as Readonly<Record<string, readonly unknown[]>>;
  const { spec: interactive, zooms } = makeInteractive(plain, rows);
  const description = typeof spec.description === "string" ? spec.description : title;
  return html`<article class="card" id="${id}" aria-labelledby="${id}-title"><h3 id="${id}-title">${title}</h3>
<figure data-spec="${id}-spec" data-name="${name}" data-label="${description}"><div class="paper" tabindex="0" role="group" aria-label="${label}">${picture(figure.svg, id, description)}<div class="drawing"></div></div>
<figcaption><span><span class="by-mouse">Point at a curve or a mark for its values.${zooms > 0 && " Drag to move, Ctrl + wheel to zoom, double-click to reset."}</span><span class="by-touch">Tap a curve or a mark for its values.</span></span><button type="button" class="size" hidden aria-pressed="false">Full size</button></figcaption></figure>
${jsonScript(`${id}-spec`, { plain, interactive, datasets })}
${caption !== undefined && html`<p>${caption}</p>`}${claims !== undefined && summary(figure)}<p class="small soft">Made by <a href="#${anchor("stage", stage)}">${stage}</a>${stateNote(state)}.</p></article>`;
}

/** `Figure 2`, or what a figure that the paper does not have calls itself. */
export function labelOf(figure: FigureEntry): string {
  return wordsOf(figure).title ?? figureLabel(figure.name);
}

/** What lines and marks stand for: in the words that a figure brings along for that, else in those of its description. */
function captionOf(figure: FigureEntry): string | undefined {
  const { caption } = wordsOf(figure);
  const { description } = figure.spec ?? {};
  if (caption !== undefined || typeof description !== "string") return caption;
  // Its name is in the heading.
  return description.replace(/^Figure \w+: (.)/, (_, first: string) => first.toUpperCase());
}

/** The words that a figure brings along in its spec's `usermeta`. */
function wordsOf({ spec }: FigureEntry): { readonly title: string | undefined; readonly caption: string | undefined } {
  const { title, caption } = (spec?.usermeta ?? {}) as Readonly<Record<string, unknown>>;
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return { title: text(title), caption: text(caption) };
}

/**
 * A still picture, inside the page so that it has the page's typeface. Its ids get a prefix, since other pictures have the
 * same; one that holds more than a drawing becomes an image, in which nothing runs.
 */
export function picture(svg: string | undefined, prefix: string, description: string): Html {
  if (svg === undefined) return html`<p>No picture was made of it.</p>`;
  const start = /^(?:<\?xml[^>]*>|<!DOCTYPE[^>]*>|<!--[\s\S]*?-->|\s)*<svg\b/.exec(svg)?.[0];
  if (start === undefined || /<script|<foreignObject|<style|<image|\son\w+\s*=|javascript:/i.test(svg)) {
    return html`<img class="still" alt="${description}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}">`;
  }
  const own = svg
    .slice(start.length)
    .replace(/(\sid=")([^"]*)"/g, `$1${prefix}-$2"`)
    .replace(/url\(#([^)]*)\)/g, `url(#${prefix}-$1)`)
    .replace(/((?:xlink:)?href=")#([^"]*)"/g, `$1#${prefix}-$2"`);
  const [, attributes = "", rest = ""] = /^([^>]*)>([\s\S]*)$/.exec(own) ?? [];
  const free = attributes.replace(/\s(?:class|role|aria-[\w]+)="[^"]*"/g, "");
  return html`<svg class="still" role="img" aria-label="${description}"${raw(free)}>${raw(rest)}`;
}

function summary({ name, claims }: FigureEntry): Html {
  const counts = countVerdicts([claims!]);
  const parts = VERDICTS.filter((verdict) => counts[verdict] > 0).map(
    (verdict) =>
      html`<span class="verdict ${verdict}">${counts[verdict]} ${plural(counts[verdict], VERDICT_TEXT[verdict])}</span> `,
  );
  return html`<p>Of the statements on it: ${parts} <a href="#${anchor("claims", name)}">all with their numbers</a></p>`;
}

/** `1 holds`, `3 hold` */
export function plural(count: number, verdict: string): string {
  return count === 1 ? verdict : verdict.replace(/^holds$/, "hold").replace(/^does /, "do ");
}

function stateNote(state: State): string {
  if (state === "stale") return "; something that it depends on has changed since: it is not up to date";
  return state === "restorable" ? "; its files were edited or removed since" : "";
}
