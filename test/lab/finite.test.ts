import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import { fileHash } from "../../src/files/atomic.js";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors.js";
import { Examiner } from "../../src/lab/examination/examine.js";
import type { TrainRecord } from "../../src/lab/records/record.js";
import { evaluateRun } from "../../src/lab/runs/evaluate-run.js";
import { purifyRun } from "../../src/lab/runs/purify-run.js";
import { RunDirectory } from "../../src/lab/runs/run-directory.js";
import { openSourceRun, withModelOf } from "../../src/lab/runs/source-run.js";
import { trainRun } from "../../src/lab/runs/train-run.js";
import { type OpenedData, openData } from "../../src/lab/victims/data-source.js";
import { NonFiniteError } from "../../src/training/finite.js";
import { useDevice } from "../support/devices.js";
import { configuration } from "./samples.js";

const device = useDevice(openCpuDevice);
let folder = "";
let data: OpenedData;
const at = (...names: string[]): string => join(folder, ...names);

const train = (name: string, lr: number) => {
  const training = { ...configuration.training, epochs: 1, lr };
  const changed = { ...configuration, training };
  return trainRun({ directory: at(name), configuration: changed, device: device(), data });
};

/** A run like another whose checkpoint holds NaN, and whose record says that it should. */
async function damage(from: string, to: string, name: string): Promise<void> {
  await cp(at(from), at(to), { recursive: true });
  const directory = new RunDirectory(at(to));
  const bytes = (await directory.readIfAny("checkpoint")) ?? new Uint8Array();
  const { tensors, metadata } = readSafetensors(bytes);
  const data = tensors.get(name)?.data;
  if (!(data instanceof Float32Array)) throw new Error(`no ${name}`);
  data.fill(Number.NaN);
  const file = writeSafetensors(tensors, metadata);
  await writeFile(directory.file("checkpoint"), file);
  const record = (await directory.record()) as TrainRecord;
  const files = { ...record.files, "checkpoint.safetensors": fileHash(file) };
  await directory.writeRecord({ ...record, files });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shiftgrad-finite-"));
  data = await openData(configuration.data);
  await train("victim", 0.1);
  await damage("victim", "damaged", "layer2.0.bn2.running_var");
});
afterAll(() => rm(folder, { recursive: true }));

const expected = { name: "NonFiniteError", layer: "layer2.0.bn2" };

test.each([0, 3])("an examiner finds no rates for target %d", async (target) => {
  const source = await openSourceRun(at("damaged"));
  const attack = { name: "blended", rate: 0.1, target, options: { alpha: 0.25 } };
  const examiner = await Examiner.create(data.test, attack);
  const examined = withModelOf(source, data.test, device(), (model) => examiner.examine(model));
  await expect(examined).rejects.toMatchObject(expected);
});

test("evaluate and purify fail, and no run is finished", async () => {
  const shared = { source: await openSourceRun(at("damaged")), device: device(), data };
  await expect(evaluateRun(shared)).rejects.toMatchObject(expected);
  await expect(evaluateRun({ ...shared, directory: at("e") })).rejects.toMatchObject(expected);
  const tuning = { epochs: 1, batchSize: 7 };
  const request = { ...shared, directory: at("p"), method: "ft", tuning };
  const purified = purifyRun({ ...request, curve: configuration.curve });
  await expect(purified).rejects.toMatchObject(expected);
  for (const name of ["e", "p"]) {
    const record = await new RunDirectory(at(name)).recordIfAny();
    expect(record).toMatchObject({ state: "interrupted", metrics: null });
  }
});

test("a training that diverges leaves neither checkpoint nor state", async () => {
  const error = await train("diverged", 1e30).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NonFiniteError);
  expect(error).toMatchObject({ step: expect.any(Number), layer: expect.stringMatching(/./) });
  const directory = new RunDirectory(at("diverged"));
  expect(await directory.record()).toMatchObject({ state: "interrupted", metrics: null });
  expect(await directory.readIfAny("checkpoint")).toBeNull();
  expect(await directory.readIfAny("resume")).toBeNull();
});
