/** A piece of finished HTML. Only `html` and `raw` make one, so that a text can never be taken for markup. */
export interface Html {
  readonly markup: string;
}

export type Content = Html | string | number | false | null | undefined | readonly Content[];

/** Fills a template; texts are escaped, in content and in quoted attributes alike. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return { markup: strings.reduce((before, part, index) => before + render(values[index - 1]) + part) };
}

/** Markup that is known to be whole: a script, a style sheet, an SVG of ours. */
export function raw(markup: string): Html {
  return { markup };
}

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function render(value: Content): string {
  if (value === false || value === null || value === undefined) return "";
  if (typeof value === "string") return escapeText(value);
  if (typeof value === "number") return String(value);
  return "markup" in value ? value.markup : value.map(render).join("");
}

/** JSON inside a script element: nothing in it can end the element. */
export function jsonScript(id: string, value: unknown): Html {
  const text = JSON.stringify(value).replaceAll("<", "\\u003c");
  return html`<script type="application/json" id="${id}">${raw(text)}</script>`;
}

/** A library's text inside a script element. `</script` and `<!--` only occur in its strings and regular expressions. */
export function codeScript(code: string): Html {
  return raw(`<script>${code.replace(/<(\/script|!--)/gi, "\\x3c$1")}</script>`);
}

/** For `id` and `href="#…"`: letters, digits and hyphens, different for different names. */
export function anchor(kind: string, name: string): string {
  return `${kind}-${name.replace(/[^A-Za-z0-9-]/g, (character) => `_${character.codePointAt(0)!.toString(16)}`)}`;
}
