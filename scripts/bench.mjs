// Bundles the benchmark suite and runs it: node scripts/bench.mjs [options], see --help.
import { pathToFileURL } from "node:url";
import { buildBench } from "./build-bench.mjs";

await import(pathToFileURL(await buildBench()).href);
