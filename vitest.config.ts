import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** Shaders are text and compiled kernels are bytes, as in the esbuild bundles. */
const assets = {
  name: "assets",
  enforce: "pre" as const,
  load(id: string) {
    const path = id.split("?")[0] ?? id;
    if (path.endsWith(".wgsl")) {
      return `export default ${JSON.stringify(readFileSync(path, "utf8"))};`;
    }
    if (path.endsWith(".wasm")) {
      const bytes = readFileSync(path).toString("base64");
      return `export default Uint8Array.from(atob(${JSON.stringify(bytes)}), (c) => c.charCodeAt(0));`;
    }
    return null;
  },
};

export default defineConfig({
  plugins: [assets],
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    fileParallelism: true,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
