import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";

const script = join(import.meta.dirname, "../scripts/check-house.mjs");
const roots: string[] = [];

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

function check(files: Record<string, string>): Promise<{ code: number; text: string }> {
  const root = mkdtempSync(join(tmpdir(), "house-"));
  roots.push(root);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return run(root);
}

function run(...args: string[]): Promise<{ code: number; text: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) => {
      const code = error ? (typeof error.code === "number" ? error.code : 1) : 0;
      resolve({ code, text: stdout + stderr });
    });
  });
}

const tensor = 'import type { Device } from "../device/device.js";\nexport type T = Device;\n';

test("a house with imports that only descend stands", async () => {
  const { code, text } = await check({
    "src/device/device.ts": "export interface Device {}\n",
    "src/tensor/tensor.ts": tensor,
    "src/node.ts": 'export * from "./tensor/tensor.js";\n',
    "src/cli/main.ts": 'import { f } from "../node.js";\n',
  });
  expect(text).toContain("4 files");
  expect(code).toBe(0);
});

test("an import that climbs is named with file, line and both layers", async () => {
  const { code, text } = await check({
    "src/device/device.ts": '/* from\n "../tensor/no.js" */\nimport { a } from "../tensor/a.js";\n',
    "src/tensor/a.ts": "export const a = 1;\n",
  });
  expect(text).toContain("src/device/device.ts:3 imports src/tensor/a.ts: tensor stands above");
  expect(code).toBe(1);
});

test("folders of one layer do not import each other", async () => {
  const { code, text } = await check({
    "src/cli/main.ts": "export const m = 1;\n",
    "examples/page.ts": 'const { m } = await import("../src/cli/main.js");\n',
  });
  expect(text).toContain("examples/page.ts:1 imports src/cli/main.ts: cli stands beside examples");
  expect(code).toBe(1);
});

test("a cycle is found through types, re-exports and several files", async () => {
  const { code, text } = await check({
    "src/ops/a.ts": 'import type { B } from "./b.js";\nexport interface A { b: B }\n',
    "src/ops/b.ts": 'export * from "./c.js";\nexport interface B {}\n',
    "src/ops/c.ts": 'import {\n  type A,\n} from "./a.js";\nexport type C = A;\n',
    "src/ops/d.ts": 'import "./a.js";\n',
  });
  expect(text).toContain("src/ops/a.ts -> src/ops/b.ts -> src/ops/c.ts -> src/ops/a.ts");
  expect(text).toContain("1 error(s)");
  expect(code).toBe(1);
});

test("a defense that looks at an attack is refused, and so is an unknown folder", async () => {
  const { code, text } = await check({
    "src/attacks/blended.ts": "export const trigger = 1;\n",
    "src/defenses/fst.ts": 'import { trigger } from "../attacks/blended.js";\n',
    "src/cellar/wine.ts": "export {};\n",
  });
  expect(text).toContain("a defense never sees the trigger");
  expect(text).toContain("src/cellar/ has no layer");
  expect(code).toBe(1);
});

test("a long file is a hint, not an error", async () => {
  const { code, text } = await check({ "src/ops/long.ts": "export {};\n".repeat(301) });
  expect(text).toContain("src/ops/long.ts has 301 lines");
  expect(code).toBe(0);
});

test("this repository stands", async () => {
  const { code, text } = await run();
  expect(text).not.toContain("error:");
  expect(code).toBe(0);
});
