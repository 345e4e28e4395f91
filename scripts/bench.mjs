// Bundles the benchmark suite and runs it: node scripts/bench.mjs [options], see --help.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { nodeBundle } from "./bundle.mjs";

const root = join(import.meta.dirname, "..");
const outfile = join(root, "build/bench.mjs");
const external = [...nodeBundle.external, "esbuild", "playwright-core"];
await build({ ...nodeBundle, external, entryPoints: [join(root, "bench/main.ts")], outfile });
await import(pathToFileURL(outfile).href);
