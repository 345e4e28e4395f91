import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { outcome, runSteps } from "../../scripts/steps.mjs";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "steps-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("neither a failure nor a program that hangs takes the others' results along", async () => {
  const printed: string[] = [];
  const say = 'console.log("one"); console.error("aside")';
  const steps = [
    { name: "first", command: ["-e", say], seconds: 60 },
    { name: "bad", command: ["-e", "console.log('half'); process.exit(3)"], seconds: 60 },
    {
      name: "stuck",
      command: ["-e", "console.log('begun'); setInterval(() => 0, 1e6)"],
      seconds: 2,
    },
    { name: "last", command: ["-e", "console.log('[1]')"], seconds: 60, file: "last.json" },
  ];
  const results = await runSteps(steps, folder, (text) => printed.push(text));

  expect(results.map(({ name, code, timedOut }) => [name, code, timedOut])).toEqual([
    ["first", 0, false],
    ["bad", 3, false],
    ["stuck", null, true],
    ["last", 0, false],
  ]);
  const read = (name: string) => readFile(join(folder, name), "utf8");
  expect(await read("first.txt")).toBe("one\n");
  expect(await read("bad.txt")).toBe("half\n");
  expect(await read("stuck.txt")).toBe("begun\n");
  expect(await read("last.json")).toBe("[1]\n");
  expect(await read("progress.log")).toMatch(/== first: .*\naside\n/);
  const { results: kept, node } = JSON.parse(await read("summary.json"));
  expect(kept).toEqual(results);
  expect(node).toBe(process.version);
  expect(printed.join("")).toMatch(/one\n.*half\n.*begun\n/s);
  expect(results.map(outcome).map((line) => line.replace(/[\d.]+ s$/, "s"))).toEqual([
    "first                 ok, s",
    "bad                   failed (3), s",
    "stuck                 stopped at its limit, s",
    "last                  ok, s",
  ]);
});
