import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLibraries } from "../../src/report/libraries.ts";
import { reportPage } from "../../src/report/report.ts";
import { realFigures, reportData } from "./fixture.ts";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const CHROMIUM = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place)) ?? PLACES[0]!;
const absent = existsSync(CHROMIUM) ? undefined : `there is no Chromium at ${CHROMIUM} (CHROMIUM names another)`;
if (absent !== undefined) console.warn(`the report's tests in a browser are skipped: ${absent}`);

const DESKTOP = { viewport: { width: 1280, height: 900 } };
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

/** Runs in the page: texts whose contrast with what is behind them is less than 4.5 to 1. */
const FAINT = `(() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((c) => (c <= 10.31475 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let node = element; node !== null; node = node.parentElement) {
      const colour = channels(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  let seen = 0;
  for (const element of document.querySelectorAll("h1,h2,h3,p,a,li,th,td,span,summary,label,legend,dt,dd,code,button,strong")) {
    if (element.closest("svg,.drawing,.skip") !== null || element.textContent === "") continue;
    seen++;
    const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (!(ratio >= 4.5)) found.push(element.tagName + " " + element.className + " " + ratio.toFixed(2));
  }
  return { found, seen };
})()`;

/** Runs in the page: the typeface of each drawn text, and by how many pixels it is off its figure. */
const TEXTS = `[...document.querySelectorAll("svg.marks")].flatMap((drawing) => {
  const frame = drawing.getBoundingClientRect();
  return [...drawing.querySelectorAll("text")].map((text) => {
    const { left, right } = text.getBoundingClientRect();
    return { family: getComputedStyle(text).fontFamily, off: Math.max(frame.left - left, right - frame.right) };
  });
})`;

/** A page from disk, and everything that a visitor should never see of it: complaints, failures, connections. */
interface Visit {
  readonly page: Page;
  readonly troubles: string[];
}

describe.skipIf(absent !== undefined)("the report in a browser", () => {
  const folder = mkdtempSync(join(tmpdir(), "report-"));
  const file = join(folder, "index.html");
  let browser: Browser;

  beforeAll(async () => {
    writeFileSync(file, reportPage(reportData(await realFigures()), readLibraries()));
    const { chromium } = await import("playwright-core");
    const flags =
      "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync";
    browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: flags.split(" ") });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens the page and leaves once every figure has been drawn or given up. */
  async function visit(options: BrowserContextOptions, body: (visit: Visit) => Promise<void>): Promise<void> {
    const context = await browser.newContext(options);
    try {
      const page = await context.newPage();
      // The test's own limit holds: on a busy machine a page takes its time.
      page.setDefaultTimeout(0);
      const troubles: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) troubles.push(message.text());
      });
      page.on("pageerror", (error) => troubles.push(error.message));
      page.on("request", (request) => {
        if (!/^(file|data|blob):/.test(request.url())) troubles.push(`asks for ${request.url()}`);
      });
      await page.goto(pathToFileURL(file).href);
      if (options.javaScriptEnabled !== false)
        await page.waitForSelector("html[data-figures=done]", { state: "attached" });
      await body({ page, troubles });
      expect(troubles).toEqual([]);
    } finally {
      await context.close();
    }
  }

  it("measures texts in the typeface that it sets them in, and cuts none off", () =>
    visit(DESKTOP, async ({ page }) => {
      const texts = await page.evaluate<{ family: string; off: number }[]>(TEXTS);
      expect(texts.length).toBeGreaterThan(50);
      expect(new Set(texts.map(({ family }) => family))).toEqual(new Set(['"Source Sans 3", sans-serif']));
      expect(Math.max(...texts.map(({ off }) => off))).toBeLessThanOrEqual(0);
    }));

  it("draws every figure from disk, with no complaint and no connection", () =>
    visit(DESKTOP, async ({ page }) => {
      const states = await page.$$eval("[data-spec]", (figures) =>
        figures.map((figure) => [figure.getAttribute("data-state"), figure.getAttribute("data-trouble")]),
      );
      expect(states).toEqual([
        ["interactive", null],
        ["interactive", null],
      ]);
      for (const figure of await page.$$("[data-spec]")) {
        expect(await (await figure.$("svg.marks"))!.isVisible()).toBe(true);
        expect(await (await figure.$(".still"))!.isVisible()).toBe(false);
      }
      expect(await page.evaluate("[...document.fonts].map(({ status }) => status)")).toEqual(["loaded", "loaded"]);
    }));

  it("tells a curve's values where the mouse points, and zooms with Ctrl and wheel alone", () =>
    visit(DESKTOP, async ({ page }) => {
      const point = page
        .locator("#figure-fig01 svg.marks .mark-symbol path[aria-label], #figure-fig01 svg.marks .mark-symbol path")
        .first();
      await point.scrollIntoViewIfNeeded();
      await point.hover({ force: true });
      await page.waitForSelector("#vg-tooltip-element.visible");
      expect(await page.textContent("#vg-tooltip-element.visible")).toMatch(/\d/);

      // In any order: Vega reuses the elements of labels that move.
      const ticks = (): Promise<string> =>
        page.$$eval("#figure-fig01 .role-axis-label text", (labels) =>
          labels
            .map((label) => label.textContent)
            .sort()
            .join("|"),
        );
      const before = await ticks();
      const box = (await page
        .locator("#figure-fig01 svg.marks .mark-group.role-scope .background")
        .first()
        .boundingBox())!;
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      await page.mouse.wheel(0, 120);
      expect(await ticks()).toBe(before);
      await page.evaluate("scrollTo({ top: 0, behavior: 'instant' })");
      const again = (await page
        .locator("#figure-fig01 svg.marks .mark-group.role-scope .background")
        .first()
        .boundingBox())!;
      await page.mouse.move(again.x + again.width / 2, again.y + again.height / 2);
      await page.keyboard.down("Control");
      await page.mouse.wheel(0, -400);
      await page.keyboard.up("Control");
      await expect.poll(ticks).not.toBe(before);
      await page.mouse.dblclick(again.x + again.width / 2, again.y + again.height / 2);
      await expect.poll(ticks).toBe(before);
    }));

  it("has links that lead somewhere, into what is folded as well", () =>
    visit(DESKTOP, async ({ page }) => {
      const links = await page.$$eval("a:not(.vega-actions a)", (all) => all.map((link) => link.getAttribute("href")));
      expect(links.length).toBeGreaterThan(10);
      for (const link of new Set(links)) expect(await page.$(`[id="${link!.slice(1)}"]`), link!).not.toBeNull();
      await page.click(".dag a[href='#stage-train']");
      await expect.poll(() => page.$eval("#stage-train", (details) => details.open)).toBe(true);
    }));

  it("filters statements by their verdict", () =>
    visit(DESKTOP, async ({ page }) => {
      await page.check("input[value=fail]");
      expect(await page.$$eval("[data-verdict]", (rows) => rows.map((row) => row.hidden))).toEqual([true, false, true]);
      await page.check("input[value=all]");
      expect(await page.$$eval("[data-verdict][hidden]", (rows) => rows.length)).toBe(0);
    }));

  it.each(["light", "dark"] as const)("fits a phone without scrolling sideways, in %s", (colorScheme) =>
    visit({ ...PHONE, colorScheme }, async ({ page }) => {
      const overflow = (): Promise<number> => page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect(await overflow()).toBe(0);
      await page.$$eval("details", (all) => {
        for (const details of all) details.open = true;
      });
      expect(await overflow()).toBe(0);
      await page.click("button.size >> nth=0");
      expect(await overflow()).toBe(0);
      const [svg, paper] = await page.$eval("figure.full", (figure) => [
        figure.querySelector("svg.marks")!.getBoundingClientRect().width,
        figure.querySelector(".paper")!.getBoundingClientRect().width,
      ]);
      expect(svg).toBeGreaterThan(paper!);
    }),
  );

  it("tells values where a finger taps, and none where there are none", () =>
    visit(PHONE, async ({ page }) => {
      const shown = page.locator("#vg-tooltip-element.visible");
      const point = page.locator("#figure-fig02 svg.marks .mark-symbol path").nth(20);
      await point.scrollIntoViewIfNeeded();
      const box = (await point.boundingBox())!;
      // Beside it: a finger is wider than the mark.
      await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2 + 3);
      await shown.waitFor();
      expect(await shown.textContent()).toMatch(/\d/);
      await page.touchscreen.tap(5, 5);
      await shown.waitFor({ state: "detached" });
    }));

  // WCAG 2.2, 1.4.3: 4.5 to 1.
  it.each(["light", "dark"] as const)("has text that contrasts with what is behind it, in %s", (colorScheme) =>
    visit({ ...DESKTOP, colorScheme }, async ({ page }) => {
      const { found, seen } = (await page.evaluate(FAINT)) as { found: string[]; seen: number };
      expect(seen).toBeGreaterThan(50);
      expect(found).toEqual([]);
      // Figures keep their paper: dark ink needs a light ground.
      const ground = await page.evaluate("getComputedStyle(document.querySelector('.paper')).backgroundColor");
      expect(ground).toBe("rgb(255, 255, 255)");
    }),
  );

  it("shows still pictures where scripts are off", () =>
    visit({ ...DESKTOP, javaScriptEnabled: false }, async ({ page }) => {
      const pictures = await page.$$("[data-spec] .still");
      expect(pictures).toHaveLength(2);
      for (const picture of pictures) expect((await picture.boundingBox())!.width).toBeGreaterThan(300);
      expect(await page.locator("fieldset").isVisible()).toBe(false);
    }));
});
