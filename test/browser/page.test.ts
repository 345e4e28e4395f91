import { mkdirSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPage, pageFolder } from "../../scripts/build-page.mjs";
import { launchChromium } from "../../scripts/chromium.mjs";
import { serve } from "../../scripts/serve.mjs";

const screenshots = join(import.meta.dirname, "../../build/screenshots");

/** Half the images carry the trigger: that is learned within the few steps there is time for. */
interface Run {
  images: number;
  batchSize: number;
  epochs: number;
  tuningEpochs: number;
}
const usual: Run = { images: 120, batchSize: 36, epochs: 6, tuningEpochs: 2 };
/** Chromium's software adapter takes a second and more for a step. */
const short: Run = { images: 100, batchSize: 9, epochs: 2, tuningEpochs: 1 };

const address = (device: string, run: Run): string =>
  new URLSearchParams({
    ...Object.fromEntries(Object.entries(run).map(([key, value]) => [key, String(value)])),
    ...{ device, start: "", seed: "1", width: "4", rate: "0.5" },
  }).toString();

/** A page that waits to be told. */
const tuning = address("webgpu", short).replace("start=&", "");

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

/** Opens the page and collects what it complains about. */
async function open(query: string, options: { isolated?: boolean; dark?: boolean } = {}) {
  const { isolated = true, dark = false } = options;
  const { server, url } = await serve(pageFolder, 0, { isolated });
  servers.push(server);
  const context = await browser.newContext({ colorScheme: dark ? "dark" : "light" });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (line) => {
    if (line.type() === "error" || line.type() === "warning") complaints.push(line.text());
  });
  await page.goto(`${url}?${query}`);
  return { page, complaints };
}

async function end(page: Page): Promise<string> {
  await page.waitForSelector("body:not([data-state=running])", { timeout: 240_000 });
  return page.innerText("#doing");
}

/** The values of a line as it is drawn, in pixels above the x axis. */
async function drawn(page: Page, line: string): Promise<number[]> {
  const path = (await page.getAttribute(`path.${line}`, "d")) ?? "";
  const bottom = Number(await page.locator("#loss line.grid").first().getAttribute("y1"));
  return [...path.matchAll(/[ML]\S+ (\S+?)(?=L|$)/g)].map(([, y]) => bottom - Number(y));
}

const mean = (list: number[]): number => list.reduce((sum, x) => sum + x, 0) / list.length;

async function expectCurves(page: Page, run: Run): Promise<void> {
  const { images, batchSize, epochs, tuningEpochs } = run;
  const heldOut = 10 * Math.floor(images / 100);
  const victimSteps = epochs * Math.floor((images - heldOut) / batchSize);
  const loss = await drawn(page, "raw.loss");
  expect(loss).toHaveLength(victimSteps + tuningEpochs * Math.ceil(heldOut / batchSize));
  const victim = loss.slice(0, victimSteps);
  expect(mean(victim.slice(-4)) / mean(victim.slice(0, 4))).toBeLessThan(0.92);
  expect(await drawn(page, "mean.clean")).toHaveLength(epochs + tuningEpochs);
  expect(await drawn(page, "mean.attack")).toHaveLength(epochs + tuningEpochs);
  expect(await page.locator("#pictures img").count()).toBe(15);
  expect(await page.locator("#pictures .cell span").count()).toBe(10);
  expect(await page.innerText("#fst-clean")).toMatch(/^\d+(\.\d)?%$/);
}

describe("the page in headless Chromium", () => {
  test("trains on the CPU device, on threads over shared memory", async () => {
    const { page, complaints } = await open(address("cpu", usual));
    expect(await end(page)).toMatch(/^Done in/);
    expect(await page.innerText("#device")).toMatch(/CPU device, .* on \d+ threads?\. Nothing/);
    await expectCurves(page, usual);
    await page.screenshot({ path: join(screenshots, "cpu.png"), fullPage: true });
    expect(complaints).toEqual([]);
  }, 300_000);

  test("trains on WebGPU", async () => {
    const { page, complaints } = await open(address("webgpu", short), { dark: true });
    expect(await end(page)).toMatch(/^Done in/);
    expect(await page.innerText("#device")).toMatch(/^WebGPU on .*software adapter/);
    await expectCurves(page, short);
    await page.screenshot({ path: join(screenshots, "webgpu.png"), fullPage: true });
    expect(complaints).toEqual([]);
  }, 300_000);

  test("tunes kernels, keeps the choices when stopped, and runs them on a later visit", async () => {
    const { page, complaints } = await open(tuning);
    await page.click("#tune");
    const doing = page.locator("#doing");
    await doing.filter({ hasText: /Tuning: .* GFLOP/ }).waitFor({ timeout: 240_000 });
    await page.click("#stop");
    expect(await end(page)).toBe("Stopped.");
    await page.reload();
    await page.click("#start");
    const device = page.locator("#device", { hasText: "WebGPU" });
    await device.waitFor({ timeout: 60_000 });
    expect(await device.innerText()).toMatch(
      /software adapter\), [1-9]\d* choices of kernels tuned/,
    );
    await page.click("#stop");
    expect(complaints).toEqual([]);
  }, 300_000);

  test("runs on one thread where the page is not isolated, stops when told, starts again", async () => {
    const endless = address("cpu", { ...usual, epochs: 4000 });
    const { page, complaints } = await open(endless, { isolated: false });
    await page.waitForFunction(() => {
      return Number(document.querySelector("path.mean.loss")?.getAttribute("data-points")) > 3;
    });
    expect(await page.innerText("#device")).toContain("on 1 thread. This page is not cross-origin");
    await page.click("#stop");
    expect(await end(page)).toBe("Stopped.");
    await page.fill("[name=epochs]", "1");
    await page.click("#start");
    await page.waitForSelector("body[data-state=running]");
    expect(await end(page)).toMatch(/^Done in/);
    expect(complaints).toEqual([]);
  }, 300_000);

  test("says what is wrong with a run that cannot be", async () => {
    const { page } = await open(address("cpu", { ...usual, images: 50 }));
    expect(await end(page)).toMatch(/^It did not work: tuningSplit: fraction/);
  }, 60_000);
});
