import { readFileSync } from "node:fs";

/** An esbuild plugin: `*.wgsl` imports are the shader's text, without what only readers need. */
export const wgslText = {
  name: "wgsl-text",
  setup({ onLoad }) {
    onLoad({ filter: /\.wgsl$/ }, ({ path }) => ({
      contents: plain(readFileSync(path, "utf8")),
      loader: "text",
    }));
  },
};

/** WGSL without comments, indentation and empty lines; it has no literals that could hold them. */
export const plain = (text) =>
  text
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")
    .replace(/^\s+|[ \t]+$/gm, "")
    .replace(/\n{2,}/g, "\n");
