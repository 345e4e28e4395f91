// Builds examples/browser into build/page/: a static folder that any web server can offer.
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { browserBundle } from "./bundle.mjs";

const root = join(import.meta.dirname, "..");
const source = join(root, "examples/browser");
export const pageFolder = join(root, "build/page");

/** The worker imports the library as a developer's page would: one file that stands beside. */
const libraryBeside = {
  name: "library-beside",
  setup({ onResolve }) {
    onResolve({ filter: /^shiftgrad$/ }, () => ({ path: "./shiftgrad.js", external: true }));
  },
};

export async function buildPage(folder = pageFolder) {
  mkdirSync(folder, { recursive: true });
  await Promise.all([
    build({
      ...browserBundle,
      entryPoints: { shiftgrad: "src/browser.ts" },
      outdir: folder,
      minify: true,
    }),
    build({
      ...browserBundle,
      entryPoints: { worker: join(source, "worker.ts") },
      outdir: folder,
      plugins: [...browserBundle.plugins, libraryBeside],
    }),
    // The page's own thread takes of the library what it draws and judges with, and no more.
    build({
      ...browserBundle,
      entryPoints: { page: join(source, "page.ts") },
      outdir: folder,
      minify: true,
    }),
  ]);
  for (const name of ["index.html", "style.css"]) {
    copyFileSync(join(source, name), join(folder, name));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await buildPage();
