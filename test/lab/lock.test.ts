import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lockFile } from "../../src/lab/files.js";
import { lockDirectory } from "../../src/lab/lock.js";
import { claimDirectory } from "../../src/lab/run-directory.js";
import { configuration } from "./samples.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shiftgrad-lock-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

test("one process at a time works in a directory, which a lock leaves claimable", async () => {
  const path = join(folder, "run");
  const unlock = await lockDirectory(path);
  expect(await claimDirectory(path, { kind: "train", configuration })).toBeNull();
  await expect(lockDirectory(path)).rejects.toThrow(
    `process ${process.pid} is working in ${path}; wait for it, or choose another --out`,
  );
  await unlock();
  expect(await readdir(path)).toEqual([]);
});

test("the lock of a process that is gone is taken over, as is a damaged one", async () => {
  const gone = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await new Promise((resolve) => gone.on("exit", resolve));
  for (const content of [`${gone.pid}\n`, "?"]) {
    const path = join(folder, content.trim() === "?" ? "damaged" : "gone");
    await (await lockDirectory(path))();
    await writeFile(join(path, lockFile), content);
    const unlock = await lockDirectory(path);
    expect(await readFile(join(path, lockFile), "utf8")).toBe(`${process.pid}\n`);
    await unlock();
  }
});
