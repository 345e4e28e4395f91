import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tuningDefaults } from "../../src/defenses/index.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import type { Device } from "../../src/device/device.js";
import { type OpenedData, openData } from "../../src/lab/data-source.js";
import { purifyRun } from "../../src/lab/purify-run.js";
import type { RunHooks } from "../../src/lab/recorded-run.js";
import { RunDirectory } from "../../src/lab/run-directory.js";
import { openSourceRun } from "../../src/lab/source-run.js";
import { trainRun } from "../../src/lab/train-run.js";
import { configuration } from "./samples.js";

let folder = "";
let device: Device;
let data: OpenedData;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shiftgrad-resume-"));
  device = await openCpuDevice();
  data = await openData(configuration.data);
});
afterAll(async () => {
  await device.destroy();
  await rm(folder, { recursive: true });
});

const train = (name: string, hooks: RunHooks = {}) =>
  trainRun(
    { directory: join(folder, name), configuration, device, data, command: ["train"] },
    hooks,
  );
const content = async (name: string, file: string) => readFile(join(folder, name, file));
const epochs = async (name: string) =>
  (await new RunDirectory(join(folder, name)).metrics.read()).filter((l) => l.type === "epoch");

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
  const controller = new AbortController();
  const stopped = train("stopped", {
    signal: controller.signal,
    onStep: ({ step }) => {
      if (step === 5) controller.abort(new Error("enough"));
    },
  });
  await expect(stopped).rejects.toThrow("enough");
  const interrupted = await new RunDirectory(join(folder, "stopped")).record();
  expect(interrupted).toMatchObject({ kind: "train", state: "interrupted", metrics: null });
  expect(await epochs("stopped")).toHaveLength(1);

  const resumedAt: number[] = [];
  const resumed = await train("stopped", { onResume: (epoch) => resumedAt.push(epoch) });
  expect(resumedAt).toEqual([1]);
  expect(resumed.metrics).toEqual(whole.metrics);
  expect(resumed.started).toBe(interrupted.started);
  expect(resumed.seconds).toBeGreaterThan(interrupted.seconds);
  expect(await epochs("stopped")).toEqual(await epochs("whole"));
  const [checkpoint, expected] = [
    await content("stopped", "checkpoint.safetensors"),
    await content("whole", "checkpoint.safetensors"),
  ];
  expect(checkpoint.equals(expected)).toBe(true);
  expect((await readdir(join(folder, "stopped"))).sort()).toEqual([
    "checkpoint.safetensors",
    "metrics.jsonl",
    "record.json",
    "report.html",
  ]);
});

test.each(["fst", "lp"])("so does a purification by %s", async (method) => {
  const source = await openSourceRun(join(folder, "whole"));
  const shared = { source, method, device, data, curve: configuration.curve };
  const run = (name: string, hooks: RunHooks = {}) => {
    const directory = join(folder, `${method}-${name}`);
    const tuning = { ...tuningDefaults, epochs: 3, batchSize: 7 };
    return purifyRun({ ...shared, tuning, directory }, hooks);
  };
  const whole = await run("whole");
  const controller = new AbortController();
  const stopped = run("stopped", {
    signal: controller.signal,
    onStep: ({ epoch }) => {
      if (epoch === 2) controller.abort(new Error("enough"));
    },
  });
  await expect(stopped).rejects.toThrow("enough");
  const resumedAt: number[] = [];
  const resumed = await run("stopped", { onResume: (epoch) => resumedAt.push(epoch) });
  expect(resumedAt).toEqual([2]);
  expect(resumed.metrics).toEqual(whole.metrics);
  expect(await epochs(`${method}-stopped`)).toEqual(await epochs(`${method}-whole`));
  const [checkpoint, expected] = [
    await content(`${method}-stopped`, "checkpoint.safetensors"),
    await content(`${method}-whole`, "checkpoint.safetensors"),
  ];
  expect(checkpoint.equals(expected)).toBe(true);
  expect(await readdir(join(folder, `${method}-stopped`))).not.toContain("resume.safetensors");
});

test("examining between epochs leaves the training as it is", async () => {
  const directory = join(folder, "unseen");
  const unseen = { ...configuration, curve: { clean: 0, triggered: 0 } };
  await trainRun({ directory, configuration: unseen, device, data });
  const checkpoint = await content("unseen", "checkpoint.safetensors");
  expect(checkpoint.equals(await content("whole", "checkpoint.safetensors"))).toBe(true);
  expect((await epochs("unseen")).map((line) => "cleanAccuracy" in line)).toEqual([
    ...[false, false, false],
  ]);
});

test("another seed gives another model", async () => {
  const directory = join(folder, "seed");
  const other = { ...configuration, seed: configuration.seed + 1 };
  await trainRun({ directory, configuration: other, device, data });
  const checkpoint = await content("seed", "checkpoint.safetensors");
  expect(checkpoint.equals(await content("whole", "checkpoint.safetensors"))).toBe(false);
});
