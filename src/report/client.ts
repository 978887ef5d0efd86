/**
 * The page's own script. It draws the figures one after the other in place of their still pictures, and leaves a picture
 * where drawing fails. Without scripts the page lacks nothing but tooltips, zoom and filters.
 */
export const CLIENT = `"use strict";
(() => {
  const escape = (text) => String(text).replace(/[&<>"']/g, (c) => "&#" + c.charCodeAt(0) + ";");
  const shown = (value) => {
    const number = typeof value === "number" ? value : /^[-\\u2212]?[\\d,]*\\.?\\d+(e[-+]?\\d+)?$/i.test(value) ? Number(String(value).replace(/,/g, "").replace("\\u2212", "-")) : NaN;
    if (Number.isFinite(number)) return String(Number(number.toPrecision(5))).replace("-", "\\u2212");
    return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
  };
  const formatTooltip = (value) => {
    if (typeof value !== "object" || value === null) return escape(shown(value));
    const rows = Object.entries(value).map(([key, v]) => "<tr><th>" + escape(key) + "</th><td>" + escape(shown(v)) + "</td></tr>");
    return "<table>" + rows.join("") + "</table>";
  };
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    logLevel: 1,
    tooltip: { formatTooltip, theme: "report" },
    actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
  };
  const draw = async (figure) => {
    const source = JSON.parse(document.getElementById(figure.dataset.spec).textContent);
    const target = figure.querySelector(".drawing");
    for (const spec of [source.interactive, source.plain]) {
      try {
        const { view } = await vegaEmbed(target, { ...spec, datasets: source.datasets }, { ...options, downloadFileName: figure.dataset.name });
        await view.runAsync();
        const svg = target.querySelector("svg.marks");
        svg.setAttribute("role", "img");
        svg.setAttribute("aria-label", figure.dataset.label);
        figure.dataset.state = spec === source.interactive ? "interactive" : "plain";
        return;
      } catch (error) {
        target.replaceChildren();
        figure.dataset.trouble = String(error);
      }
    }
    figure.dataset.state = "still";
  };
  const drawAll = async () => {
    await Promise.all([...document.fonts].map((font) => font.load().catch(() => undefined)));
    for (const figure of document.querySelectorAll("[data-spec]")) {
      await draw(figure);
      // The page answers between two figures.
      await new Promise((done) => setTimeout(done));
    }
    document.documentElement.dataset.figures = "done";
  };
  for (const button of document.querySelectorAll("button.size")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const full = button.closest("figure").classList.toggle("full");
      button.setAttribute("aria-pressed", String(full));
    });
  }
  for (const filter of document.querySelectorAll("[data-filter]")) {
    filter.closest("fieldset").hidden = false;
    filter.addEventListener("change", () => {
      const section = filter.closest("section");
      for (const row of section.querySelectorAll("[data-verdict]"))
        row.hidden = filter.value !== "all" && row.dataset.verdict !== filter.value;
      for (const group of section.querySelectorAll("[data-group]"))
        group.hidden = !group.querySelector("[data-verdict]:not([hidden])");
    });
  }
  /* Vega tells values where a pointer moves, which a finger that taps does not do; and a finger is wide. */
  const pointed = (x, y) => {
    for (const radius of [0, 5, 10, 15])
      for (let angle = 0; angle < (radius === 0 ? 1 : 8); angle++) {
        const turn = (Math.PI / 4) * angle;
        const element = document.elementFromPoint(x + radius * Math.cos(turn), y + radius * Math.sin(turn));
        if (element && element.__data__ && element.__data__.tooltip && element.closest(".drawing")) return element;
      }
    return undefined;
  };
  document.addEventListener("click", (event) => {
    if (event.pointerType !== "touch") return;
    const { clientX, clientY } = event;
    const element = pointed(clientX, clientY);
    if (element) element.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX, clientY, pointerType: "touch" }));
    else document.getElementById("vg-tooltip-element")?.classList.remove("visible");
  });
  addEventListener("scroll", () => document.getElementById("vg-tooltip-element")?.classList.remove("visible"), { passive: true });
  /* A link into something folded opens it. */
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();
  void drawAll();
})();
`;
