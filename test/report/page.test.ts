import { describe, expect, it } from "vitest";
import { countVerdicts, readClaims } from "../../src/report/claims.ts";
import { picture } from "../../src/report/figures.ts";
import { reportPage } from "../../src/report/report.ts";
import { byFigure, figureLabel, numberText, timeText, typeset } from "../../src/report/values.ts";
import { CLAIMS, HOSTILE, realFigures, reportData } from "./fixture.ts";

const figures = await realFigures();
const page = reportPage(reportData(figures), { scripts: [], fonts: [] });
const ids = [...page.matchAll(/ id="([^"]*)"/g)].map((match) => match[1]!);

describe("the report's page", () => {
  it("has no markup from texts", () => {
    expect(page).not.toContain(HOSTILE);
    expect(page).not.toMatch(/<img src=x|onerror="/);
    // What ends script elements is what began them.
    expect(page.match(/<script/g)?.length).toBe(page.match(/<\/script>/g)?.length);
  });

  it("has every id once and every link inside it lead to one", () => {
    expect(ids.length).toBe(new Set(ids).size);
    const links = [...page.matchAll(/ href="([^"]*)"/g)].map((match) => match[1]!);
    for (const link of links) {
      if (link === "data:,") continue;
      expect(link).toMatch(/^#/);
      expect(ids).toContain(link.slice(1));
    }
    for (const [, names] of page.matchAll(/ aria-labelledby="([^"]*)"/g)) expect(ids).toContain(names);
  });

  it("loads nothing from elsewhere and forbids it", () => {
    expect(page).toMatch(/Content-Security-Policy" content="default-src &#39;none&#39;/);
    for (const [, source] of page.matchAll(/ src="([^"]*)"/g)) expect(source).toMatch(/^data:/);
    expect(page).not.toMatch(/@import|<iframe|<link rel="stylesheet"/);
  });

  it("counts claims by verdict and lists first what does not hold", () => {
    expect(countVerdicts([CLAIMS, CLAIMS])).toEqual({ pass: 2, fail: 2, "not-testable": 2 });
    for (const verdict of ["pass", "fail", "not-testable"])
      expect(page).toMatch(new RegExp(`<li class="${verdict}"><strong>1</strong>`));
    expect(page.indexOf("What does not hold here")).toBeGreaterThan(0);
    expect(page.indexOf("What does not hold here")).toBeLessThan(page.indexOf('id="figures"'));
    expect(page.match(/<tr [^>]*data-verdict=/g)).toHaveLength(3);
  });

  it("says of results that nobody made how to make them, and of old ones that they are", () => {
    expect(page).toContain("Not made yet: <code>npx pipeline run fig03</code>");
    expect(page).toContain("it is not up to date");
  });

  it("shows the paper's tables with ours beside, and a stage's own time", () => {
    expect(page).toContain("−0.79123");
    expect(page).toContain('class="number">paper</th>');
    expect(page).toContain("Rank correlations");
    expect(page).toMatch(/train ×2[\s\S]*5\.00 s/);
  });

  it("has headings without gaps and an alternative for every picture", () => {
    const levels = [...page.matchAll(/<h([1-6])/g)].map((match) => Number(match[1]));
    expect(levels[0]).toBe(1);
    for (const [index, level] of levels.slice(1).entries()) expect(level).toBeLessThanOrEqual(levels[index]! + 1);
    const pictures = [...page.matchAll(/<(?:img|svg) class="still"[^>]*>/g)];
    expect(pictures).toHaveLength(2);
    for (const [picture] of pictures) expect(picture).toMatch(/ aria-label="Figure [^"]+/);
  });
});

describe("a still picture", () => {
  const svg = (inside: string): string =>
    `<svg xmlns="http://www.w3.org/2000/svg" class="marks" width="9">${inside}</svg>`;

  it("is part of the page, with ids of its own", () => {
    const inside = '<clipPath id="clip0"/><g clip-path="url(#clip0)"/><use xlink:href="#clip0"/>';
    const { markup } = picture(svg(inside), "fig", "What < it shows");
    expect(markup).toBe(
      '<svg class="still" role="img" aria-label="What &#60; it shows" xmlns="http://www.w3.org/2000/svg" width="9"><clipPath id="fig-clip0"/><g clip-path="url(#fig-clip0)"/><use xlink:href="#fig-clip0"/></svg>',
    );
  });

  it.each(["<script>1</script>", '<g onload="x"/>', "<style/>", "<foreignObject/>"])(
    "is an image where it holds %s",
    (inside) => {
      expect(picture(svg(inside), "fig", "x").markup).toMatch(
        /^<img class="still" alt="x" src="data:image\/svg\+xml;base64,/,
      );
    },
  );
});

describe("a table that the paper does not have", () => {
  const shown = (paper: number | null): string => {
    const [table] = CLAIMS.tables!;
    const tables = [
      { ...table!, source: "an independent run", rows: [{ label: "η", paper: [paper, paper], ours: [2, 3] }] },
    ];
    return reportPage({ ...reportData([]), claims: [{ ...CLAIMS, tables }] }, { scripts: [], fonts: [] });
  };

  it("has what its source expects beside ours", () => {
    expect(shown(1)).toContain('class="number">expected</th>');
    expect(shown(1)).not.toContain('class="number">paper</th>');
  });

  it("has ours alone where no source gives a number", () => {
    expect(shown(null)).not.toContain('class="number">expected</th>');
    expect(shown(null)).toContain('<th scope="row">η</th><td class="number"><strong>2</strong></td>');
  });
});

describe("what the page reads and writes", () => {
  it("takes claims files and nothing else for one", () => {
    expect(readClaims(JSON.stringify(CLAIMS))).toEqual(CLAIMS);
    for (const text of ["", "[]", "null", "{}", '{"claims": 1}', '{"claims": [null], "figure": "a", "title": "b"}'])
      expect(readClaims(text)).toBeUndefined();
  });

  it("writes numbers, labels and times for people", () => {
    expect([numberText(-0.5), numberText(1 / 3), numberText(123_456), numberText(1e-12)]).toEqual([
      "−0.5",
      "0.33333",
      "123456",
      "10⁻¹²",
    ]);
    expect(typeset("Spearman -0.5 (-1e-12), 6.66e-16 at 1.5e+20, top-3, 0x1e5")).toBe(
      "Spearman −0.5 (−10⁻¹²), 6.66·10⁻¹⁶ at 1.5·10²⁰, top-3, 0x1e5",
    );
    expect([figureLabel("fig05a"), figureLabel("fig12"), figureLabel("image-convergence")]).toEqual([
      "Figure 5a",
      "Figure 12",
      "Image convergence",
    ]);
    expect(timeText("2026-11-24T12:24:28.598Z")).toBe("2026-11-24 12:24 UTC");
  });
});

it("says below a figure what its lines stand for, in the words of its description", () => {
  const spec = { ...figures[0]!.spec, description: `Figure 2: solid ${HOSTILE}.` };
  const shown = reportPage(reportData([{ ...figures[0]!, spec }]), { scripts: [], fonts: [] });
  expect(shown).toContain("<p>Solid &#60;img");
});

describe("a figure that the paper does not have", () => {
  const [first] = figures;
  const own = {
    ...first!,
    name: "density",
    claims: undefined,
    spec: {
      ...first!.spec,
      usermeta: { title: `The whole spectrum ${HOSTILE}`, caption: `Beyond the paper ${HOSTILE}` },
    },
  };
  const shown = reportPage(reportData([own, ...figures]), { scripts: [], fonts: [] });

  it("has the title and the caption that its spec brings along, in the contents too", () => {
    expect(shown.match(/The whole spectrum &#60;img/g)?.length).toBeGreaterThanOrEqual(2);
    expect(shown.includes("<p>Beyond the paper &#60;img")).toBe(true);
    expect(shown.includes(HOSTILE)).toBe(false);
  });

  it("is called by its title once, and its statements stand in a section of their own", () => {
    const claims = { ...first!.claims!, figure: "density", title: "The whole spectrum" };
    const spec = { ...first!.spec, usermeta: { title: "The whole spectrum" } };
    const data = reportData([{ ...own, spec, claims }]);
    const whole = reportPage({ ...data, claims: [claims] }, { scripts: [], fonts: [] });
    expect(whole).toContain(">The whole spectrum</h3>");
    expect(whole).toContain('<a href="#figure-density">The whole spectrum</a></h3>');
    expect(whole).not.toContain("The whole spectrum. The whole spectrum");
    expect(whole).toContain("<p>Of the statements on it:");
    const both = reportPage({ ...data, claims: [CLAIMS, claims] }, { scripts: [], fonts: [] });
    const further = both.indexOf('<section id="further-claims"');
    expect(both.indexOf('id="claims-fig01"')).toBeLessThan(further);
    expect(both.indexOf('id="claims-density"')).toBeGreaterThan(further);
    expect(page).not.toContain("further-claims");
  });

  it("comes after the paper's", () => {
    expect(["convergence", "fig10", "density", "fig02"].sort(byFigure)).toEqual([
      "fig02",
      "fig10",
      "convergence",
      "density",
    ]);
  });
});

describe("provenance", () => {
  it("names the processor that a result was made on", () => {
    expect(page.includes(" on A processor &#60;img")).toBe(true);
  });
});
