import { mkdirSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { phases } from "../../examples/browser/protocol.js";
import { addressOf, defaults, type Settings } from "../../examples/browser/settings.js";
import { workOf } from "../../examples/browser/work.js";
import { buildPage, pageFolder } from "../../scripts/build-page.mjs";
import { launchChromium } from "../../scripts/chromium.mjs";
import { serve } from "../../scripts/serve.mjs";
import { demoConfiguration, openDevice, syntheticShapes, trainVictim } from "../../src/browser.js";

const screenshots = join(import.meta.dirname, "../../build/screenshots");

/** Half the images carry the trigger: that is learned within the few steps there is time for. */
const small = { ...defaults, width: 4, percent: 50, seed: 1 };
const usual: Settings = {
  ...small,
  ...{ device: "cpu", images: 120, batchSize: 36, epochs: 6, tuningEpochs: 5 },
};
/** Chromium's software adapter takes a second and more for a step. */
const short: Settings = {
  ...small,
  ...{ device: "webgpu", images: 100, batchSize: 10, epochs: 1, tuningEpochs: 1 },
};

/** Words that tell visitors nothing. */
const drivers = /mesa|swiftshader|llvmpipe|lavapipe|vulkan|adapter/i;

let browser: Browser;
const servers: Server[] = [];

beforeAll(async () => {
  browser = await launchChromium({ adapter: "swiftshader" });
  await buildPage();
  mkdirSync(screenshots, { recursive: true });
});

afterAll(async () => {
  await browser?.close();
  for (const server of servers) server.close();
});

interface Opened {
  page: Page;
  /** What the page complains about. */
  complaints: string[];
  context: BrowserContext;
  url: string;
}

async function open(query: string, options: { isolated?: boolean; dark?: boolean } = {}) {
  const { isolated = true, dark = false } = options;
  const { server, url } = await serve(pageFolder, 0, { isolated });
  servers.push(server);
  const context = await browser.newContext({ colorScheme: dark ? "dark" : "light" });
  return tab(context, url, query);
}

async function tab(context: BrowserContext, url: string, query: string): Promise<Opened> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (line) => {
    if (line.type() === "error" || line.type() === "warning") complaints.push(line.text());
  });
  await page.addInitScript(watch);
  await page.goto(`${url}?${query}`);
  return { page, complaints, context, url };
}

interface Watched {
  /** What those hear who do not see. */
  stages: string[];
  /** How long each Stop took, in milliseconds. */
  stops: number[];
  /** Presses Stop as soon as the worker reports what these parts of it are. */
  stopAt: object | null;
}

/** Runs in the page, before its own scripts. */
function watch(): void {
  const watched: Watched = { stages: [], stops: [], stopAt: null };
  let pressed = 0;
  const matches = (report: object): boolean => {
    const parts = Object.entries(watched.stopAt ?? { kind: "none" });
    return parts.every(([name, value]) => report[name as keyof typeof report] === value);
  };
  const Watching = class extends Worker {
    constructor(url: string, options: WorkerOptions) {
      super(url, options);
      this.addEventListener("message", ({ data }) => {
        if (!matches(data)) return;
        watched.stopAt = null;
        pressed = performance.now();
        document.getElementById("stop")?.click();
      });
    }
  };
  Object.assign(window, { watched, Worker: Watching });
  addEventListener("DOMContentLoaded", () => {
    const stage = document.getElementById("stage") ?? document.body;
    const hear = () => watched.stages.push(stage.textContent ?? "");
    new MutationObserver(hear).observe(stage, { childList: true });
    new MutationObserver(() => {
      const { state } = document.body.dataset;
      if (state !== "stopped" || pressed === 0) return;
      watched.stops.push(performance.now() - pressed);
      pressed = 0;
    }).observe(document.body, { attributeFilter: ["data-state"] });
  });
}

const watched = (page: Page): Promise<Watched> =>
  page.evaluate(() => (window as unknown as { watched: Watched }).watched);

const stopAt = (page: Page, report: object): Promise<void> =>
  page.evaluate((parts) => {
    (window as unknown as { watched: Watched }).watched.stopAt = parts;
  }, report);

async function end(page: Page): Promise<string> {
  await page.waitForSelector(
    "body:is([data-state=done], [data-state=stopped], [data-state=failed])",
    {
      timeout: 240_000,
    },
  );
  return page.innerText("#doing");
}

/** The values of a line as it is drawn, in pixels above the x axis. */
async function drawn(page: Page, line: string): Promise<number[]> {
  const path = (await page.getAttribute(line, "d")) ?? "";
  const bottom = Number(await page.locator("#loss-chart line.grid").first().getAttribute("y1"));
  return [...path.matchAll(/[ML]\S+ (\S+?)(?=L|$)/g)].map(([, y]) => bottom - Number(y));
}

const victimLosses = (page: Page) => drawn(page, "#loss-chart .values.victim");
const mean = (list: number[]): number => list.reduce((sum, x) => sum + x, 0) / list.length;
/** The y axis begins at 0, so heights are to each other as values are. */
const relative = (list: number[]): number[] => list.map((value) => value / (list[0] ?? 0));

/** The victim's losses in a run of these settings, as the CPU device in Node finds them. */
async function lossesInNode({ images, seed, width, percent, epochs, batchSize }: Settings) {
  const { victim } = demoConfiguration({ methods: ["fst"], seed });
  const losses: number[] = [];
  const device = await openDevice({ kind: "cpu" });
  const options = {
    ...victim,
    model: { ...victim.model, width },
    attack: victim.attack && { ...victim.attack, rate: percent / 100 },
    training: { ...victim.training, epochs, batchSize },
  };
  const { train } = syntheticShapes({ train: images, test: 0, seed });
  await trainVictim(device, train, options, { onStep: ({ loss }) => losses.push(loss) });
  await device.destroy();
  return losses;
}

async function expectCurves(page: Page, settings: Settings): Promise<void> {
  const { epochs, tuningEpochs } = settings;
  const work = workOf(settings);
  for (const phase of phases) {
    expect(await drawn(page, `#loss-chart .values.${phase}`)).toHaveLength(work[phase].steps);
  }
  for (const chart of ["attack", "clean", "robust"]) {
    expect(await drawn(page, `#${chart}-chart .line.victim`)).toHaveLength(epochs);
    // They begin where the victim ended.
    for (const method of ["ft", "fst"]) {
      expect(await drawn(page, `#${chart}-chart .line.${method}`)).toHaveLength(tuningEpochs + 1);
    }
  }
  expect(await page.locator("#pictures img").count()).toBe(15);
  expect(await page.locator("#pictures .cell span").count()).toBe(15);
  for (const model of ["victim", "ft", "fst"]) {
    for (const measure of ["clean", "attack", "robust"]) {
      expect(await page.innerText(`#${model}-${measure}`)).toMatch(/^[\d.]+%\s[\d.]+–[\d.]+%$/);
    }
  }
  expect(await page.locator("#verdicts article").count()).toBe(3);
}

/** All of a run that there is to see. */
const shown = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    const parts = ["#attack-chart", "#loss-chart", "#pictures", "table", "#basis", "#verdicts"];
    return parts.map((part) => document.querySelector(part)?.outerHTML ?? "");
  });

/** Of the usual run, as the first test saw it. */
let usualResults: string[] = [];

describe("the page in headless Chromium", () => {
  test("trains on the CPU device, on threads over shared memory; a reload loses nothing", async () => {
    const { page, complaints } = await open(`${addressOf(usual)}&start`);
    expect(await end(page)).toMatch(/^Done in/);
    expect(await page.innerText("#device")).toMatch(/^Processor, .* on \d+ threads?\. Nothing/);
    await expectCurves(page, usual);
    const losses = await victimLosses(page);
    expect(mean(losses.slice(-4)) / mean(losses.slice(0, 4))).toBeLessThan(0.92);
    expect(page.url().split("?")[1]).toBe(addressOf(usual));
    const { stages } = await watched(page);
    expect(stages).toHaveLength(5);
    expect(stages[0]).toBe("Training the victim, 6 epochs.");
    expect(stages[1]).toMatch(/\. Next: purifying with FT\.$/);
    expect(await page.locator("[aria-live], [role=status]").allInnerTexts()).not.toContainEqual(
      expect.stringMatching(/images a second/),
    );
    usualResults = await shown(page);
    await page.reload();
    expect(await end(page)).toMatch(/^Done in/);
    expect(await shown(page)).toEqual(usualResults);
    await page.screenshot({ path: join(screenshots, "cpu.png"), fullPage: true });
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await page.screenshot({ path: join(screenshots, "phone.png"), fullPage: true });
    expect(complaints).toEqual([]);
  }, 300_000);

  test("trains on WebGPU, as the CPU device does", async () => {
    const { page, complaints } = await open(`${addressOf(short)}&start`, { dark: true });
    expect(await end(page)).toMatch(/^Done in/);
    expect(await page.innerText("#device")).toBe("WebGPU (software). Nothing leaves this machine.");
    expect(await page.innerText("body")).not.toMatch(drivers);
    await expectCurves(page, short);
    const [there, here] = [await victimLosses(page), await lossesInNode(short)].map(relative);
    for (let step = 1; step < 5; step++) {
      expect(Math.abs((there?.[step] ?? 0) / (here?.[step] ?? 0) - 1)).toBeLessThan(0.01);
    }
    await page.screenshot({ path: join(screenshots, "webgpu.png"), fullPage: true });
    expect(complaints).toEqual([]);
  }, 300_000);

  test("measures kernels, keeps the choices when stopped, and runs them on a later visit", async () => {
    const { page, complaints } = await open(addressOf(short));
    await page.click("#advanced summary");
    await page.click("#measure");
    const doing = page.locator("#doing");
    await doing.filter({ hasText: /Measuring: .* GFLOP/ }).waitFor({ timeout: 240_000 });
    await page.click("#stop");
    expect(await end(page)).toBe("Stopped.");
    await page.reload();
    await page.click("#start");
    const device = page.locator("#device", { hasText: "WebGPU" });
    await device.waitFor({ timeout: 60_000 });
    expect(await device.innerText()).toMatch(
      /software\), [1-9]\d* of its kernels chosen by measuring/,
    );
    await page.click("#stop");
    expect(complaints).toEqual([]);
  }, 300_000);

  test("goes on after a reload and after Stop, on one thread, to where it would have come", async () => {
    const { page, complaints } = await open(addressOf(usual), { isolated: false });
    const focused = () => page.evaluate(() => document.activeElement?.id);
    await stopAt(page, { kind: "epoch", phase: "victim", epoch: 2 });
    await page.focus("[name=width]");
    await page.keyboard.press("Enter");
    await page.waitForSelector("body[data-state=running]");
    expect(await focused()).toBe("stop");
    expect(await end(page)).toBe("Stopped.");
    expect(await focused()).toBe("continue");
    expect(await page.innerText("#device")).toContain("on 1 thread. This page is not cross-origin");

    await page.reload();
    await page.waitForSelector("body[data-state=stopped]");
    const where = /^Interrupted after epoch ([1-5]) of 6 \(training the victim\)\.$/;
    const [, epochs] = where.exec(await page.innerText("#doing")) ?? [];
    expect(await drawn(page, "#clean-chart .line.victim")).toHaveLength(Number(epochs));
    await stopAt(page, { kind: "epoch", phase: "ft", epoch: 2 });
    await page.click("#continue");
    expect(await end(page)).toBe("Stopped.");
    const { stages } = await watched(page);
    expect(stages[0]).toBe(`Going on after epoch ${epochs} of 6 (training the victim).`);

    await page.click("#continue");
    expect(await end(page)).toMatch(/^Done in/);
    expect(await focused()).toBe("start");
    expect(await shown(page)).toEqual(usualResults);
    const { stops } = await watched(page);
    expect(stops).toHaveLength(1);
    expect(stops[0]).toBeLessThan(1000);
    expect(complaints).toEqual([]);
  }, 300_000);

  test("stops within a second while it draws, and says plainly what the browser does not have", async () => {
    const { page, complaints } = await open("device=webgpu", { isolated: false });
    await page.route("**/worker.js", async (route) => {
      const response = await route.fetch();
      // The library looks for either only when it is asked, after its import.
      const without =
        'Object.defineProperty(self, "indexedDB", { value: undefined });' +
        "navigator.gpu.requestAdapter = async () => null;";
      await route.fulfill({ response, body: without + (await response.text()) });
    });
    await page.fill("[name=images]", "50000");
    await stopAt(page, { kind: "busy", text: "Drawing the pictures" });
    await page.click("#start");
    expect(await end(page)).toBe("Stopped.");
    const { stops } = await watched(page);
    expect(stops).toHaveLength(1);
    expect(stops[0]).toBeLessThan(1000);
    expect(await page.innerText("#notes")).toMatch(/^The browser keeps nothing for this page, so/);
    expect(await page.innerText("#device")).toMatch(/^Processor, .* This browser offers no WebGPU/);
    expect(await page.innerText("body")).not.toMatch(drivers);
    expect(await page.isHidden("#continue")).toBe(true);
    expect(complaints).toEqual([]);
  }, 60_000);

  test("says what the form cannot take, and keeps what it can in the address", async () => {
    const { page } = await open("images=50&width=wide&start");
    const problems = page.locator("#problems li");
    expect(await problems.allInnerTexts()).toEqual([
      "“width=wide” in the address is no number.",
      expect.stringMatching(/^Images: A whole number from 100 to 50,000\./),
    ]);
    expect(await page.getAttribute("body", "data-state")).toBeNull();
    await page.click("#start");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("name"))).toBe("images");
    await page.fill("[name=images]", "100");
    expect(await problems.allInnerTexts()).toEqual([
      "Batch size: At most 90: as many images does the victim learn from.",
    ]);
    await page.fill("[name=batchSize]", "7");
    expect(await problems.count()).toBe(0);
    const settings = { ...defaults, images: 100, batchSize: 7 };
    expect(page.url().split("?")[1]).toBe(addressOf(settings));
  }, 60_000);

  test("two tabs with the same settings do not mix up what they keep", async () => {
    const settings = { ...usual, batchSize: 108, epochs: 100 };
    const first = await open(`${addressOf(settings)}&start`);
    await first.page.waitForSelector("#clean-chart .line.victim");
    const second = await tab(first.context, first.url, `${addressOf(settings)}&start`);
    await first.page.waitForSelector("#notes:not(:empty)");
    expect(await first.page.innerText("#notes")).toMatch(/^Another tab runs the same settings/);
    expect(await second.page.innerText("#notes")).toBe("");
  }, 60_000);
});
