import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { browserBundle } from "../scripts/bundle.mjs";
import { launchChromium } from "../scripts/chromium.mjs";
import { serve } from "../scripts/serve.mjs";
import type { OpenDeviceOptions } from "../src/device/open.js";
import type { Case } from "./cases.js";
import type { Ours } from "./open-ours.js";
import type { BenchmarkPage } from "./page.js";
import { bundlePeer } from "./peers/bundle.js";
import type { ScriptPeer } from "./peers/packages.js";
import type { Subject } from "./runner.js";

declare const benchmark: BenchmarkPage;

const html = `<!doctype html>
<link rel="icon" href="data:," />
<script type="module" src="page.js"></script>
`;

/**
 * Ours and a peer in one page of headless Chromium. `adapter` is Chromium's name for one to use
 * ("swiftshader"), where it shall not choose.
 */
export async function openBrowser(
  root: string,
  options: OpenDeviceOptions,
  peer: ScriptPeer | undefined,
  adapter: string | undefined,
): Promise<{ ours: Ours; peer: Subject | undefined }> {
  const browser = await launchChromium({ adapter });
  const folder = join(root, "build/peers");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "index.html"), html);
  const entryPoints = [join(root, "bench/page.ts")];
  await build({ ...browserBundle, entryPoints, outfile: join(folder, "page.js") });
  const bundle = peer && basename(await bundlePeer(root, peer, "browser"));
  const { server, url } = await serve(folder, 0);
  const page = await browser.newPage();
  page.on("console", (line) => {
    if (line.type() === "error") console.error(`page: ${line.text()}`);
  });
  await page.goto(url);
  await page.waitForFunction(() => "benchmark" in globalThis);
  const time = (name: string) => (c: Case, reps: number, queued: number) =>
    page.evaluate(([who, what, count, queue]) => benchmark.time(who, what, count, queue), [
      name,
      c,
      reps,
      queued,
    ] as const);
  const stop = async (): Promise<void> => {
    await browser.close();
    server.close();
  };
  const opened = await page.evaluate((wanted) => benchmark.openOurs(wanted), options);
  const ours = { ...opened, time: time(opened.name), stop };
  if (!bundle) return { ours, peer: undefined };
  const name = await page.evaluate((path) => benchmark.openPeer(path), `./${peer}/${bundle}`);
  return { ours, peer: { name, time: time(name), stop: async () => {} } };
}
