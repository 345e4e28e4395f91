import type { Server } from "node:http";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { buildPage } from "../../scripts/build-page.mjs";
import { launchChromium } from "../../scripts/chromium.mjs";
import { serve } from "../../scripts/serve.mjs";

const folder = join(import.meta.dirname, "../../build/tune-store-page");

let browser: Browser;
let server: Server;
let url = "";
beforeAll(async () => {
  browser = await launchChromium({ adapter: "swiftshader" });
  await buildPage(folder);
  ({ server, url } = await serve(folder, 0));
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** A person's tabs share their databases; every test has a person of its own. */
let context: BrowserContext;
beforeEach(async () => {
  context = await browser.newContext();
});
afterEach(() => context.close());

async function tab(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** Runs statements in the page, where `library` is shiftgrad, and returns what they return. */
const run = <T>(page: Page, statements: string): Promise<T> =>
  page.evaluate(
    `(async () => { const library = await import("./shiftgrad.js"); ${statements} })()`,
  ) as Promise<T>;

test("what is kept is there when the page is loaded again", async () => {
  const page = await tab();
  const empty = await run(page, `return library.indexedDbTuneStore().load();`);
  expect(empty).toBeNull();
  const update = `library.indexedDbTuneStore().update((kept) => kept + " and more")`;
  await run(page, `await ${update}; await ${update};`);
  await page.reload();
  const load = "return library.indexedDbTuneStore().load();";
  expect(await run(page, load)).toBe("null and more and more");
  expect(await run(page, `return library.indexedDbTuneStore("other").load();`)).toBeNull();
  expect(await run(await tab(), load)).toBe("null and more and more");
});

test("two tabs that keep choices at once lose none", async () => {
  const tabs = [await tab(), await tab()];
  const add = (name: string) => `
    const store = library.indexedDbTuneStore();
    const change = (i) => (kept) => JSON.stringify([...JSON.parse(kept ?? "[]"), "${name} " + i]);
    await Promise.all(Array.from({ length: 40 }, (_, i) => store.update(change(i))));`;
  await Promise.all(tabs.map((page, i) => run(page, add(`tab ${i}`))));
  const kept = await run<string>(await tab(), "return library.indexedDbTuneStore().load();");
  expect(new Set(JSON.parse(kept)).size).toBe(80);
});

/** Puts a value where another program, or a fault, could have. */
const plant = (value: string) => `
  await library.indexedDbTuneStore().update(() => "text");
  const database = await new Promise((resolve) => {
    const request = indexedDB.open("shiftgrad");
    request.onsuccess = () => resolve(request.result);
  });
  const transaction = database.transaction("tuned", "readwrite");
  transaction.objectStore("tuned").put(${value}, "choices");
  await new Promise((resolve) => { transaction.oncomplete = resolve; });
  database.close();`;

test("an entry that is no text counts as empty, and is replaced", async () => {
  const page = await tab();
  const store = "const store = library.indexedDbTuneStore();";
  await run(page, plant("{ choices: 7 }"));
  expect(await run(page, `${store} return store.load();`)).toBeNull();
  await run(page, `${store} await store.update((kept) => String(kept) + "!");`);
  expect(await run(page, `${store} return store.load();`)).toBe("null!");
});

const caught = (work: string) => `
  try { ${work} } catch (error) {
    return [error instanceof library.TuneStoreError, error.message];
  }`;

test("a change that fails leaves what was kept", async () => {
  const page = await tab();
  const store = "const store = library.indexedDbTuneStore();";
  const failing = caught(`await store.update(() => { throw new Error("no new text"); });`);
  const [isOurs, message] = await run<[boolean, string]>(
    page,
    `${store} await store.update(() => "text"); ${failing}`,
  );
  expect([isOurs, message]).toEqual([
    true,
    'the IndexedDB database "shiftgrad" failed: Error: no new text; tune without a store',
  ]);
  expect(await run(page, `${store} return store.load();`)).toBe("text");
});

test("a transaction that rejects keeps nothing of what it wrote before", async () => {
  const page = await tab();
  const found = await run(
    page,
    `const table = new library.BrowserTable("notes", "lines");
    const put = (value) => (entries) => library.idbResult(entries.put(value, "line"));
    await table.transact("readwrite", put("first"));
    const broken = table.transact("readwrite", async (entries) => {
      await put("second")(entries);
      throw new RangeError("no third");
    });
    const message = await broken.catch((error) => [error.name, error.foreign, error.message]);
    return [await table.transact("readonly", (entries) => library.idbResult(entries.get("line"))), message];`,
  );
  expect(found).toEqual([
    "first",
    [
      ...["BrowserTableError", false],
      'the IndexedDB database "notes" failed: RangeError: no third',
    ],
  ]);
});

test("another program's database is left alone", async () => {
  const page = await tab();
  const found = await run(
    page,
    `await new Promise((resolve) => {
      const request = indexedDB.open("shiftgrad", 3);
      request.onupgradeneeded = () => request.result.createObjectStore("recipes");
      request.onsuccess = () => resolve(request.result.close());
    });
    ${caught(`await library.indexedDbTuneStore().update(() => "text");`)}`,
  );
  expect(found).toEqual([
    true,
    'the IndexedDB database "shiftgrad" is another program\'s: it has no object store "tuned"; ' +
      "give indexedDbTuneStore another name",
  ]);
});

test("a second device takes the choice that a first one measured", async () => {
  const product = `
    const device = await library.openWebGpuDevice();
    const a = library.tensor(device, Array.from({ length: 30 * 20 }, (_, i) => i % 7), [30, 20]);
    const b = library.tensor(device, Array.from({ length: 20 * 12 }, (_, i) => i % 5), [20, 12]);
    const body = () => { const scope = device.scope(); library.matmul(a, b); scope[Symbol.dispose](); };
    const store = library.indexedDbTuneStore();`;
  const page = await tab();
  const [first] = await run<{ shapeClass: string; chosen: string; ms: object }[]>(
    page,
    `${product} const found = await device.tune(body, { store, rounds: 1 });
     await device.destroy(); return found;`,
  );
  expect(first?.shapeClass).toMatch(/^matmul nn 32x16x32x1$/);
  expect(Object.keys(first?.ms ?? {})).toContain(first?.chosen);
  await page.reload();
  const second = await run<{ stored: object; choices: object[]; again: object[] }>(
    page,
    `${product} const stored = await device.useTuned(store);
     const choices = device.choices(body);
     const again = await device.tune(body, { store });
     await device.destroy(); return { stored, choices, again };`,
  );
  const { shapeClass, chosen } = first ?? { shapeClass: "", chosen: "" };
  expect(second.stored).toEqual({ choices: { [shapeClass]: chosen }, stale: 0 });
  expect(second.choices).toMatchObject([{ shapeClass, variant: chosen, reason: "tuned" }]);
  expect(second.again).toMatchObject([{ shapeClass, chosen, ms: {} }]);
}, 300_000);
