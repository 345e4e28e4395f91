// What every bundle of src/ has in common.
import { join } from "node:path";
import { wasmDeltas } from "./wasm-delta.mjs";

/** `using` is lowered for both targets; neither has it. */
const shared = {
  absWorkingDir: join(import.meta.dirname, ".."),
  bundle: true,
  format: "esm",
  charset: "utf8",
  legalComments: "none",
  loader: { ".wgsl": "text" },
  plugins: [wasmDeltas],
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
