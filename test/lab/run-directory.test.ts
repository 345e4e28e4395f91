import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { MetricLine } from "../../src/lab/metrics-log.js";
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

const run = { kind: "train", configuration } as const;

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
  await new RunDirectory(path).writeRecord(trainRecord);
  await expect(claimDirectory(path, run)).rejects.toThrow(RunDirectoryError);
  await expect(claimDirectory(path, run)).rejects.toThrow(
    "holds a finished train run of 2026-01-02T03:04:05.678Z, which is not overwritten",
  );
});

test("an unfinished run goes on with its own configuration only", async () => {
  const unfinished = { ...trainRecord, state: "interrupted", metrics: null } as const;
  await new RunDirectory(path).writeRecord(unfinished);
  expect(await claimDirectory(path, run)).toEqual(unfinished);
  const other = {
    kind: "train",
    configuration: { ...configuration, training: { ...configuration.training, epochs: 4 } },
  } as const;
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

test("the metrics of epochs that will be repeated are dropped, and a cut line is ignored", async () => {
  const { metrics } = new RunDirectory(path);
  const epoch = (n: number): MetricLine => ({ type: "epoch", epoch: n, loss: 2 - n, lr: 0.1 });
  const step: MetricLine = {
    type: "step",
    epoch: 1,
    step: 5,
    loss: 1.5,
    lr: 0.1,
    imagesPerSecond: 9,
  };
  expect(await metrics.read()).toEqual([]);
  await metrics.append(epoch(0), step, epoch(1));
  await appendFile(join(path, "metrics.jsonl"), '{"type":"ep');
  expect(await metrics.read()).toEqual([epoch(0), step, epoch(1)]);
  await metrics.keepEpochsBefore(1);
  expect(await metrics.read()).toEqual([epoch(0)]);
});
