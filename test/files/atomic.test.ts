import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeAtomically } from "../../src/files/atomic.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shiftgrad-files-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a reader sees the old content or the new, never a part", async () => {
  const path = join(folder, "file");
  const contents = ["a".repeat(3_000_001), "b".repeat(1_999_999)];
  await writeAtomically(path, contents[0] ?? "");
  let writing = true;
  const writer = (async () => {
    for (let i = 1; i < 12; i++) await writeAtomically(path, contents[i % 2] ?? "");
    writing = false;
  })();
  let reads = 0;
  const seen = new Set<string>();
  while (writing) {
    const text = await readFile(path, "utf8");
    expect(contents.includes(text)).toBe(true);
    seen.add(text);
    reads++;
  }
  await writer;
  expect(reads).toBeGreaterThan(2);
  expect(seen.size).toBe(2);
  expect(await readdir(folder)).toEqual(["file"]);
});

test("a write that fails leaves nothing behind", async () => {
  const path = join(folder, "taken");
  await mkdir(join(path, "inner"), { recursive: true });
  await expect(writeAtomically(path, "text")).rejects.toThrow();
  expect(await readdir(folder)).toEqual(["taken"]);
  expect(await readdir(path)).toEqual(["inner"]);
});
