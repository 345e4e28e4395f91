import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatMetrics, type MetricLine, parseMetrics } from "../../src/lab/metrics-log.js";
import {
  claimDirectory,
  differences,
  RunDirectory,
  RunDirectoryError,
} from "../../src/lab/run-directory.js";
import { configuration, trainRecord } from "./samples.js";

let path = "";
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "shiftgrad-run-"));
});
afterEach(() => rm(path, { recursive: true }));

const { data } = trainRecord;
const run = { kind: "train", configuration, data, lineage: null } as const;

test("an empty directory and a new one are free", async () => {
  expect(await claimDirectory(path, run)).toBeNull();
  expect(await claimDirectory(join(path, "a", "b"), run)).toBeNull();
});

test("other files are left alone", async () => {
  await writeFile(join(path, "thesis.tex"), "years of work");
  await expect(claimDirectory(path, run)).rejects.toThrow(
    /not empty \(thesis\.tex\) and holds no run; choose another --out/,
  );
});

test("a finished run is not overwritten", async () => {
  const directory = new RunDirectory(path);
  await directory.writeRecord(trainRecord);
  await directory.write("report", "<html>");
  await expect(claimDirectory(path, run)).rejects.toThrow(RunDirectoryError);
  await expect(claimDirectory(path, run)).rejects.toThrow(
    "holds a finished train run of 2026-01-02T03:04:05.678Z, which is not overwritten",
  );
  expect(await claimDirectory(path, run, true)).toEqual(trainRecord);
});

test("an unfinished run goes on with its own configuration only", async () => {
  const unfinished = { ...trainRecord, state: "interrupted", metrics: null } as const;
  const directory = new RunDirectory(path);
  await directory.writeRecord(unfinished);
  const training = { ...configuration.training, epochs: 4 };
  const other = { ...run, configuration: { ...configuration, training } };
  // There is nothing yet that could be lost.
  expect(await claimDirectory(path, other)).toBeNull();
  await directory.write("resume", "an epoch");
  expect(await claimDirectory(path, run)).toEqual(unfinished);
  await expect(claimDirectory(path, other)).rejects.toThrow(
    "another configuration: training.epochs (3 there, 4 now); choose another --out, or repeat",
  );
});

test("differences names what was added, taken away and changed", () => {
  expect(differences({ a: { b: [1, 2] }, c: null }, { a: { b: [1, 3] }, c: null })).toEqual([
    "a.b.1 (2 there, 3 now)",
  ]);
  expect(differences({ a: 1 }, { b: 1 })).toEqual([
    "a (1 there, undefined now)",
    "b (undefined there, 1 now)",
  ]);
});

test("where images come from is no difference", () => {
  const moved = { ...configuration, data: { kind: "cifar10", directory: "elsewhere" } };
  expect(differences({ victim: configuration }, { victim: moved })).toEqual([]);
});

test("metrics survive writing and reading; a line that an earlier version left cut is ignored", () => {
  const lines: MetricLine[] = [
    { type: "step", epoch: 0, step: 1, loss: 1.5, lr: 0.1, imagesPerSecond: 9 },
    { type: "epoch", epoch: 0, loss: 2, lr: 0.1 },
    { type: "epoch", epoch: 1, loss: 1, lr: 0.1, cleanAccuracy: 0.5, attackSuccess: 0.25 },
  ];
  const text = formatMetrics(lines);
  expect(formatMetrics(parseMetrics(text, "x"))).toBe(text);
  expect(parseMetrics(`${text}{"type":"ep`, "x")).toEqual(lines);
  expect(() => parseMetrics(`${text}{"type":"ep\n`, "x")).toThrow("x, line 4 is not JSON");
});
