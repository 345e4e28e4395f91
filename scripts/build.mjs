// Bundles src/ into dist/: the library for Node and for browsers, and the command line.
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { browserBundle, nodeBundle } from "./bundle.mjs";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const started = performance.now();

const cli = "src/cli/main.ts";
const entries = { node: "src/node.ts", core: "src/core.ts" };
if (existsSync(join(root, cli))) entries.cli = cli;
else console.log(`${cli} does not exist, so dist/cli.js is not built`);

const [forNode, forBrowser, measured] = await Promise.all([
  // Split, so that "shiftgrad" and "shiftgrad/core" share one Tensor class in a process.
  build({
    ...nodeBundle,
    entryPoints: entries,
    chunkNames: "node-[hash]",
    outdir: dist,
    splitting: true,
    metafile: true,
  }),
  build({
    ...browserBundle,
    chunkNames: "browser-[hash]",
    entryPoints: { browser: "src/browser.ts", "browser-core": "src/core.ts" },
    outdir: dist,
    splitting: true,
    metafile: true,
  }),
  build({ ...browserBundle, entryPoints: ["src/core.ts"], minify: true, write: false }),
]).catch(() => process.exit(1)); // esbuild has printed what is wrong, and where.
if (entries.cli) chmodSync(join(dist, "cli.js"), 0o755);
refuseStaticNodeImports(forBrowser.metafile);
for (const [entry, { metafile }] of Object.entries({ core: forNode, "browser-core": forBrowser })) {
  refuseSchemas(`dist/${entry}.js`, metafile);
}
removeStale([forNode, forBrowser].flatMap(({ metafile }) => Object.keys(metafile.outputs)));
writeNotices([forNode, forBrowser].flatMap(({ metafile }) => Object.keys(metafile.inputs)));

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

/** shiftgrad/core is small: it has networks, and no descriptions of them. */
function refuseSchemas(entry, { outputs }) {
  const loaded = new Set([entry]);
  for (const file of loaded) {
    for (const { path, kind } of outputs[file].imports) {
      if (kind === "import-statement" && outputs[path]) loaded.add(path);
    }
    const found = Object.keys(outputs[file].inputs).find((input) =>
      /valibot|src\/schema/.test(input),
    );
    if (found)
      throw new Error(`${entry} loads ${found}, through ${file}: core has no schema library`);
  }
}

/** Only now, so that a process that runs an unchanged build finds its files at any time. */
function removeStale(written) {
  for (const name of readdirSync(dist)) {
    if (name.endsWith(".js") && !written.includes(`dist/${name}`)) rmSync(join(dist, name));
  }
}

/** The licences of the packages that are bundled. */
function writeNotices(inputs) {
  const folders = inputs.map((input) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]);
  const notices = [...new Set(folders.filter(Boolean))].sort().map((folder) => {
    const file = readdirSync(join(root, folder)).find((name) => /^licen[cs]e/i.test(name));
    if (!file) throw new Error(`${folder} is bundled but has no licence file`);
    return `${folder.replace("node_modules/", "")}\n\n${readFileSync(join(root, folder, file), "utf8")}`;
  });
  const path = join(dist, "THIRD-PARTY-LICENSES.txt");
  if (notices.length > 0) writeFileSync(path, notices.join("\n\n"));
  else rmSync(path, { force: true });
}

function kib(bytes) {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
