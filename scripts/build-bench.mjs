// Bundles the benchmark suite into build/bench.mjs and its parts beside it; --browser and the peers
// in JavaScript need the development packages, everything else runs without them.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { nodeBundle } from "./bundle.mjs";

const root = join(import.meta.dirname, "..");
const outdir = join(root, "build");

/** Returns the file to run. */
export async function buildBench() {
  const { metafile } = await build({
    ...nodeBundle,
    external: [...nodeBundle.external, "esbuild", "playwright-core"],
    entryPoints: { bench: join(root, "bench/main.ts") },
    outdir,
    outExtension: { ".js": ".mjs" },
    // Beside the entry: what they hold finds the project by its own place.
    chunkNames: "bench-[name]-[hash]",
    splitting: true,
    metafile: true,
  });
  const written = Object.keys(metafile.outputs).map((path) => path.replace("build/", ""));
  for (const name of readdirSync(outdir)) {
    if (/^bench-.*\.mjs$/.test(name) && !written.includes(name)) rmSync(join(outdir, name));
  }
  return join(outdir, "bench.mjs");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) console.log(await buildBench());
