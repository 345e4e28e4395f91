import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { contentHash } from "../../src/data/hash.js";
import { tuningDefaults } from "../../src/defenses/index.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import { fileHash } from "../../src/files/atomic.js";
import { sameSeeds, type TrainConfiguration } from "../../src/lab/records/configuration.js";
import type { TrainRecord } from "../../src/lab/records/record.js";
import type { RunHooks } from "../../src/lab/runs/attempt.js";
import { purifyRun } from "../../src/lab/runs/purify-run.js";
import { RunDirectory } from "../../src/lab/runs/run-directory.js";
import { openSourceRun } from "../../src/lab/runs/source-run.js";
import { trainRun } from "../../src/lab/runs/train-run.js";
import { type OpenedData, openData } from "../../src/lab/victims/data-source.js";
import { makeModel } from "../../src/lab/victims/model.js";
import { victimData } from "../../src/lab/victims/victim.js";
import { placementOf } from "../../src/nn/place.js";
import type { StepProgress } from "../../src/training/fit.js";
import { useDevice } from "../support/devices.js";
import { configuration } from "./samples.js";

const device = useDevice(openCpuDevice);
let folder = "";
let data: OpenedData;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shiftgrad-resume-"));
  data = await openData(configuration.data);
});
afterAll(() => rm(folder, { recursive: true }));

const train = (name: string, hooks: RunHooks = {}, changed = configuration) => {
  const directory = join(folder, name);
  const request = { directory, configuration: changed, device: device(), data };
  return trainRun({ ...request, command: ["train"] }, hooks);
};
const checkpoint = (name: string) => readFile(join(folder, name, "checkpoint.safetensors"));
const lines = async (name: string) => {
  const directory = new RunDirectory(join(folder, name));
  return directory.metrics(await directory.record());
};
const epochs = async (name: string) => (await lines(name)).filter((l) => l.type === "epoch");

const sameCheckpoint = async (name: string, other: string) =>
  (await checkpoint(name)).equals(await checkpoint(other));

/** The same metrics of every epoch, and the same weights to the last bit. */
async function expectSameRun(name: string, whole: string): Promise<void> {
  expect(await epochs(name)).toEqual(await epochs(whole));
  expect(await sameCheckpoint(name, whole)).toBe(true);
}

/** Hooks that stop a run at the steps for which `when` says so. */
function stopping(when: (progress: StepProgress) => boolean): RunHooks {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onStep: (progress) => {
      if (when(progress)) controller.abort(new Error("enough"));
    },
  };
}

test("a run stopped inside its second epoch ends bit-equal to one that was not", async () => {
  const earliest = Date.now();
  let trainedAt = 0;
  const whole = await train("whole", {
    onStep: () => {
      trainedAt ||= Date.now();
    },
  });
  const started = Date.parse(whole.started);
  expect(started).toBeGreaterThanOrEqual(earliest);
  expect(started).toBeLessThanOrEqual(trainedAt);
  const hooks = stopping(({ step }) => step === 5);
  await expect(train("stopped", hooks)).rejects.toThrow("enough");
  const interrupted = await new RunDirectory(join(folder, "stopped")).record();
  expect(interrupted).toMatchObject({ kind: "train", state: "interrupted", metrics: null });
  expect(await epochs("stopped")).toHaveLength(1);

  const resumedAt: number[] = [];
  const resumed = await train("stopped", { onResume: (epoch) => resumedAt.push(epoch) });
  expect(resumedAt).toEqual([1]);
  expect(resumed.metrics).toEqual(whole.metrics);
  expect(resumed.started).toBe(interrupted.started);
  expect(resumed.seconds).toBeGreaterThan(interrupted.seconds);
  await expectSameRun("stopped", "whole");
  expect((await readdir(join(folder, "stopped"))).sort()).toEqual([
    "checkpoint.safetensors",
    "metrics.jsonl",
    "record.json",
    "report.html",
  ]);
});

const tuned = { ...tuningDefaults, epochs: 3, batchSize: 7 };
const quick = { epochs: 3, batchSize: 7 };

test.each([
  ["fst", tuned, 2],
  ["lp", tuned, 2],
  ["nad", { ...quick, teacherEpochs: 1 }, 2],
  // Nothing is examined between its epochs, so the second is done before the stop is heard.
  ["anp", { ...quick, drop: 0.9 }, 1],
])("so does a purification by %s", async (method, tuning, last) => {
  const source = await openSourceRun(join(folder, "whole"));
  const shared = { source, method, device: device(), data, curve: configuration.curve };
  const run = (name: string, hooks: RunHooks = {}) => {
    const directory = join(folder, `${method}-${name}`);
    return purifyRun({ ...shared, tuning, directory }, hooks);
  };
  const stages: string[] = [];
  const whole = await run("whole", { onStage: (stage) => void stages.push(stage) });
  expect(stages[1]).toMatch(/^purifying by [A-Z]+, at most [\d.]+ passes over \d+ images$/);
  const hooks = stopping(({ epoch }) => epoch === last);
  await expect(run("stopped", hooks)).rejects.toThrow("enough");
  const resumedAt: number[] = [];
  const resumed = await run("stopped", { onResume: (epoch) => resumedAt.push(epoch) });
  expect(resumedAt).toEqual([2]);
  expect(resumed.metrics).toEqual(whole.metrics);
  await expectSameRun(`${method}-stopped`, `${method}-whole`);
  // All but the time it took: what is done again leaves nothing twice.
  const timeless = async (name: string) =>
    (await lines(`${method}-${name}`)).map((line) => ({ ...line, imagesPerSecond: 0 }));
  expect(await timeless("stopped")).toEqual(await timeless("whole"));
  expect(await readdir(join(folder, `${method}-stopped`))).not.toContain("resume.safetensors");
});

test("examining between epochs leaves the training as it is", async () => {
  await train("unseen", {}, { ...configuration, curve: { clean: 0, triggered: 0 } });
  expect(await sameCheckpoint("unseen", "whole")).toBe(true);
  expect((await epochs("unseen")).map((line) => "cleanAccuracy" in line)).toEqual([
    ...[false, false, false],
  ]);
});

test("another seed gives another model", async () => {
  await train("seed", {}, { ...configuration, seeds: sameSeeds(8) });
  expect(await sameCheckpoint("seed", "whole")).toBe(false);
});

test("each seed decides its own part", async () => {
  const found = async (seeds: Partial<TrainConfiguration["seeds"]>) => {
    const changed = { ...configuration, seeds: { ...configuration.seeds, ...seeds } };
    const { poisoned, tuning } = await victimData(data.train, changed);
    const model = makeModel(changed.model, data.train, device(), changed.seeds.weights);
    const weights = await model.head.weight.value.read();
    placementOf(model).release();
    return { poisoned: await contentHash(poisoned), tuning: await contentHash(tuning), weights };
  };
  const before = await found({});
  const poison = await found({ poison: 1 });
  expect(poison).toEqual({ ...before, poisoned: poison.poisoned });
  expect(poison.poisoned).not.toBe(before.poisoned);
  const weights = await found({ weights: 1 });
  expect(weights).toEqual({ ...before, weights: weights.weights });
  expect(weights.weights).not.toEqual(before.weights);
  expect((await found({ split: 1 })).tuning).not.toBe(before.tuning);
  expect(await found({ batches: 1 })).toEqual(before);
  await train("batches", {}, { ...configuration, seeds: { ...configuration.seeds, batches: 1 } });
  expect(await sameCheckpoint("batches", "whole")).toBe(false);
});

test("a run with a picture of one's own holds its hash, and goes on with no other", async () => {
  const file = join(folder, "own.png");
  const fixtures = new URL("../fixtures/pictures.json", import.meta.url);
  const { cases } = JSON.parse(await readFile(fixtures, "utf8")) as {
    cases: Record<string, { file: string }>;
  };
  const place = (name: string) => writeFile(file, Buffer.from(cases[name]?.file ?? "", "base64"));
  await place("rgb.png");
  const options = { picture: { file }, alpha: 0.5 };
  const own = {
    ...configuration,
    attack: { name: "blended", rate: 0.05, target: 1, mapping: "all-to-one" as const, options },
  };
  const hooks = stopping(({ step }) => step === 5);
  await expect(train("own", hooks, own)).rejects.toThrow("enough");
  const { configuration: held } = (await new RunDirectory(
    join(folder, "own"),
  ).record()) as TrainRecord;
  const sha256 = fileHash(await readFile(file));
  expect(held.attack?.options).toEqual({ alpha: 0.5, picture: { file, sha256 }, seed: 0 });

  await place("grey.png");
  await expect(train("own", {}, held)).rejects.toThrow(/own\.png is not the picture of the run/);
  await expect(train("own", {}, own)).rejects.toThrow(/attack\.options\.picture\.sha256 \("/);
  await rm(file);
  await expect(train("new", {}, own)).rejects.toThrow(/cannot read the picture .*own\.png: ENOENT/);
  expect(await readdir(folder)).not.toContain("new");
  await place("rgb.png");
  expect(await train("own", {}, held)).toMatchObject({ state: "finished", configuration: held });
});
