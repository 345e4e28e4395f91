import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { plain } from "../../scripts/wgsl-text.mjs";

test("a bundled shader lacks comments, indentation and empty lines, and nothing else", () => {
  const text = `/// Adds.\n\nfn f(a: f32) -> f32 {\n  // half\n  let b = a / 2.0; // of a\n\n  return b;\n}\n`;
  expect(plain(text)).toBe("fn f(a: f32) -> f32 {\nlet b = a / 2.0;\nreturn b;\n}\n");
  expect(plain("a /* b\n c */ d")).toBe("a  d");
});

test("what is left of each shader has its statements in their order", () => {
  const folder = join(import.meta.dirname, "../../shaders");
  const statements = (text: string): string[] =>
    text
      .split("\n")
      .map((line) => (line.split("//")[0] ?? "").trim())
      .filter((line) => line !== "");
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), "utf8");
    expect(plain(text).trimEnd().split("\n")).toEqual(statements(text));
  }
});
