import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tuningDefaults } from "../../src/defenses/index.js";
import type { VariantMap } from "../../src/device/choices.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import type { Device } from "../../src/device/device.js";
import { openWebGpuDevice } from "../../src/device/webgpu/device.js";
import { kernelCode } from "../../src/device/webgpu/kernel-code.js";
import { type TuneStore, withChoices } from "../../src/device/webgpu/tune-store.js";
import { type OpenedData, openData } from "../../src/lab/data-source.js";
import { evaluateRun } from "../../src/lab/evaluate-run.js";
import { purifyRun } from "../../src/lab/purify-run.js";
import { RunDirectory } from "../../src/lab/run-directory.js";
import type { RunHooks } from "../../src/lab/sitting.js";
import { openSourceRun } from "../../src/lab/source-run.js";
import { trainRun } from "../../src/lab/train-run.js";
import { useDevice } from "../support/devices.js";
import { configuration as sample } from "./samples.js";

/** Room for a cold compiler on a busy machine. */
const slow = { timeout: 600_000 };

const configuration = {
  ...sample,
  training: { ...sample.training, epochs: 2 },
  curve: { clean: 0, triggered: 0 },
};
/** As tuning could have found: another algorithm than the preset for a layer so narrow. */
const layer = "convolution conv2d 17x32x32 2-2";
const tuned = { [layer]: "winograd" };

const presets = useDevice(openWebGpuDevice);
const device = useDevice(async () => {
  const opened = await openWebGpuDevice();
  const text = withChoices(null, opened.info.name, kernelCode(), tuned);
  const store: TuneStore = { load: async () => text, update: async () => {} };
  await opened.useTuned(store);
  return opened;
});

let folder = "";
let data: OpenedData;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shiftgrad-variants-"));
  data = await openData(configuration.data);
});
afterAll(() => rm(folder, { recursive: true }));

const train = (name: string, on: () => Device, hooks: RunHooks = {}) =>
  trainRun({ directory: join(folder, name), configuration, device: on(), data }, hooks);
const checkpoint = (name: string) => readFile(join(folder, name, "checkpoint.safetensors"));
const sameCheckpoint = async (name: string, other: string) =>
  (await checkpoint(name)).equals(await checkpoint(other));
const variantsOf = async (name: string): Promise<VariantMap> =>
  (await new RunDirectory(join(folder, name)).record()).variants;

/** Runs until the second epoch is under way. */
async function stop(name: string, on: typeof device): Promise<void> {
  const controller = new AbortController();
  const stopped = train(name, on, {
    signal: controller.signal,
    onStep: ({ epoch }) => {
      if (epoch === 1) controller.abort(new Error("enough"));
    },
  });
  await expect(stopped).rejects.toThrow("enough");
}

test("a run's record and report have the variants that are not presets", slow, async () => {
  const record = await train("tuned", device);
  expect(record.variants).toEqual(tuned);
  expect(await variantsOf("tuned")).toEqual(tuned);
  expect(`${await readFile(join(folder, "tuned", "report.html"))}`).toContain(
    `<th>Kernels that are not presets</th><td>${layer}: winograd</td>`,
  );
  expect((await train("presets", presets)).variants).toEqual({});
  // What makes it worth recording:
  expect(await sameCheckpoint("presets", "tuned")).toBe(false);
});

test("a run goes on with the variants it began with, whatever is tuned by then", slow, async () => {
  for (const [name, begins, ends] of [
    ["tuned", device, presets],
    ["presets", presets, device],
  ] as const) {
    await stop(`${name}, stopped`, begins);
    const notes: string[] = [];
    await train(`${name}, stopped`, ends, { onNote: (line) => notes.push(line) });
    expect(await variantsOf(`${name}, stopped`)).toEqual(await variantsOf(name));
    expect(await sameCheckpoint(`${name}, stopped`, name)).toBe(true);
    const what = name === "tuned" ? "1 variant and presets elsewhere" : "presets";
    expect(notes).toEqual([`kernels: ${what}, as when the run began`]);
  }
  using notes = device().noteVariants();
  await trainRun({ directory: join(folder, "after"), configuration, device: device(), data });
  expect(notes.ran.get(layer)?.variant).toBe("winograd");
});

test("a purification tells where the model's own run ran other variants", slow, async () => {
  const source = await openSourceRun(join(folder, "tuned"));
  const purify = async (name: string, on: typeof device) => {
    const notes: string[] = [];
    const tuning = { ...tuningDefaults, epochs: 1, batchSize: 17 };
    const request = { source, method: "lp", tuning, curve: configuration.curve, data };
    const { variants } = await purifyRun(
      { ...request, directory: join(folder, name), device: on() },
      { onNote: (line) => notes.push(line) },
    );
    return { variants, notes };
  };
  expect(await purify("same", device)).toEqual({ variants: tuned, notes: [] });
  const other = await purify("other", presets);
  expect(other.variants).toEqual({});
  expect(other.notes).toEqual([
    `kernels: 1 not as in ${source.directory.path}, so that last bits may differ: ` +
      `${layer} (winograd there, direct here); --variants ${source.directory.path} takes its own`,
  ]);
});

test("a run that goes on on another device says so", slow, async () => {
  await stop("moved", presets);
  const cpu = await openCpuDevice();
  const notes: string[] = [];
  await train("moved", () => cpu, { onNote: (line) => notes.push(line) });
  const [from, to] = [presets(), cpu].map(
    ({ info }) => `${info.name} (${[...info.features].sort().join(", ")})`,
  );
  expect(notes).toEqual([
    `the run began on ${from} and goes on on ${to}, which may round otherwise: no one run repeats it`,
  ]);
  await cpu.destroy();
});

test("an examination's record has its variants, and it tells the same", slow, async () => {
  const source = await openSourceRun(join(folder, "tuned"));
  using before = presets().noteVariants();
  await evaluateRun({ source, device: presets(), data });
  const direct = [...before.ran].filter(([, { variant }]) => variant === "direct");
  const variants = Object.fromEntries(direct.map(([shapeClass]) => [shapeClass, "winograd"]));
  const [first = ""] = Object.keys(variants);
  expect(first).toMatch(/^convolution conv2d 50x32x32 4-2$/);

  using _ = presets().useVariants(variants);
  const notes: string[] = [];
  const there = { ...source, record: { ...source.record, variants: { [first]: "direct" } } };
  const record = await evaluateRun(
    { source: there, device: presets(), data },
    { onNote: (line) => notes.push(line) },
  );
  expect(record.variants).toEqual(variants);
  expect(notes).toEqual([expect.stringContaining(`${first} (direct there, winograd here)`)]);
});
