// What every bundle of src/ has in common.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { wasmDeltas } from "./wasm-delta.mjs";

/** Shaders as text, without comments and indentation: a fifth of their bytes on the way to a page. */
const shaders = {
  name: "shaders",
  setup({ onLoad }) {
    onLoad({ filter: /\.wgsl$/ }, ({ path }) => {
      const lines = readFileSync(path, "utf8").split("\n");
      const bare = lines.map((line) => line.replace(/\/\/.*/, "").trim()).filter(Boolean);
      return { contents: bare.join("\n"), loader: "text" };
    });
  },
};

/** `using` is lowered for both targets; neither has it. */
const shared = {
  absWorkingDir: join(import.meta.dirname, ".."),
  bundle: true,
  format: "esm",
  charset: "utf8",
  legalComments: "none",
  plugins: [shaders, wasmDeltas],
  logLevel: "warning",
};

/**
 * In Node, WebGPU is an optional peer that is imported when a device is opened.
 * @type {import("esbuild").BuildOptions}
 */
export const nodeBundle = {
  ...shared,
  platform: "node",
  target: "node20.19",
  external: ["webgpu"],
  // For the CommonJS packages that the command line bundles.
  banner: {
    js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
  },
};

/**
 * In a page, `node:` modules stay dynamic imports that the code reaches only under Node.
 * @type {import("esbuild").BuildOptions}
 */
export const browserBundle = {
  ...shared,
  platform: "browser",
  target: ["chrome113", "firefox128", "safari18"],
  external: ["node:*", "webgpu"],
};
