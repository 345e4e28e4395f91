// Bundles src/ into dist/: the library for Node and for browsers, and the command line.
import { chmodSync, existsSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const started = performance.now();

/** `using` is lowered for both targets; neither has it. */
const shared = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  charset: "utf8",
  legalComments: "none",
  loader: { ".wgsl": "text", ".wasm": "binary" },
  logLevel: "warning",
};
/** In Node, WebGPU is an optional peer that is imported when a device is opened. */
const node = {
  ...shared,
  chunkNames: "node-[hash]",
  platform: "node",
  target: "node20.19",
  external: ["webgpu"],
};
/** In a page, `node:` modules stay dynamic imports that the code reaches only under Node. */
const browser = {
  ...shared,
  platform: "browser",
  chunkNames: "browser-[hash]",
  target: ["chrome113", "firefox128", "safari18"],
  external: ["node:*", "webgpu"],
};

const cli = "src/cli/main.ts";
const entries = { node: "src/node.ts", core: "src/core.ts" };
if (existsSync(join(root, cli))) entries.cli = cli;
else console.log(`${cli} does not exist, so dist/cli.js is not built`);

rmSync(dist, { recursive: true, force: true });
const [forNode, forBrowser, measured] = await Promise.all([
  // Split, so that "shiftgrad" and "shiftgrad/core" share one Tensor class in a process.
  build({ ...node, entryPoints: entries, outdir: dist, splitting: true, metafile: true }),
  build({
    ...browser,
    entryPoints: { browser: "src/browser.ts", "browser-core": "src/core.ts" },
    outdir: dist,
    splitting: true,
    metafile: true,
  }),
  build({ ...browser, entryPoints: ["src/core.ts"], minify: true, write: false }),
]).catch(() => process.exit(1)); // esbuild has printed what is wrong, and where.
if (entries.cli) chmodSync(join(dist, "cli.js"), 0o755);
refuseStaticNodeImports(forBrowser.metafile);

for (const { metafile } of [forNode, forBrowser]) {
  for (const file of Object.keys(metafile.outputs)) {
    console.log(`${file.padEnd(28)} ${kib(statSync(join(root, file)).size)}`);
  }
}
const small = measured.outputFiles[0].contents;
console.log(
  `library without the lab, for browsers: ${kib(small.length)} minified, ` +
    `${kib(gzipSync(small, { level: 9 }).length)} gzipped`,
);
console.log(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);

function refuseStaticNodeImports({ outputs }) {
  for (const [file, { imports }] of Object.entries(outputs)) {
    for (const { path, kind } of imports) {
      if (kind === "import-statement" && (path.startsWith("node:") || path === "webgpu")) {
        const from = Object.keys(outputs[file].inputs).map((input) => dirname(input));
        throw new Error(
          `${file} imports ${path} statically, and a browser cannot load that: make it ` +
            `"await import(...)" under a check for Node (sources: ${[...new Set(from)].join(", ")})`,
        );
      }
    }
  }
}

function kib(bytes) {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
