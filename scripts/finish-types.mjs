// Makes dist/types/ stand alone: consumers need neither @webgpu/types nor a newer `lib`.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const folder = join(import.meta.dirname, "../dist/types");
const webgpu = readFileSync(
  createRequire(import.meta.url).resolve("@webgpu/types/dist/index.d.ts"),
  "utf8",
);
const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".d.ts"));
const interfaces = new Set();

for (const name of files) {
  const path = join(folder, name);
  const text = readFileSync(path, "utf8");
  const comments = /\/\*[\s\S]*?\*\//g;
  const used = new Set(text.replace(comments, "").match(/\bGPU[A-Za-z]*\b/g));
  let finished = text;
  for (const type of used) {
    const alias = new RegExp(`^type ${type} =([^;]*);`, "m").exec(webgpu)?.[1];
    if (alias) finished = finished.replaceAll(new RegExp(`\\b${type}\\b`, "g"), oneLine(alias));
    else interfaces.add(type);
  }
  if (finished !== text) writeFileSync(path, finished);
}

/** Empty interfaces merge with the real ones, where a consumer has them. */
const names = [...interfaces].sort().map((type) => `  interface ${type} {}\n`);
writeFileSync(
  join(folder, "ambient.d.ts"),
  `/// <reference lib="esnext.disposable" />\ndeclare global {\n${names.join("")}}\nexport {};\n`,
);
for (const entry of ["node", "browser", "core"]) {
  const path = join(folder, `${entry}.d.ts`);
  writeFileSync(path, `import "./ambient.js";\n${readFileSync(path, "utf8")}`);
}

function oneLine(union) {
  return `(${union
    .replaceAll(/\s+/g, " ")
    .replace(/^[ |]+/, "")
    .trim()})`;
}
