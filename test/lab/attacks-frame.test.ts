import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attacks, defineAttack } from "../../src/attacks/index.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import { readSafetensors } from "../../src/io/safetensors.js";
import type { StateDict } from "../../src/io/state-dict.js";
import { sameSeeds, trainSettings } from "../../src/lab/records/configuration.js";
import { evaluateRun } from "../../src/lab/runs/evaluate-run.js";
import { purifyRun } from "../../src/lab/runs/purify-run.js";
import { openSourceRun } from "../../src/lab/runs/source-run.js";
import { trainRun } from "../../src/lab/runs/train-run.js";
import { type OpenedData, openData } from "../../src/lab/victims/data-source.js";
import { Linear } from "../../src/nn/layers.js";
import { place } from "../../src/nn/place.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { mean, square } from "../../src/ops/index.js";
import { SGD } from "../../src/optim/sgd.js";
import { integer } from "../../src/schema/index.js";
import { useDevice } from "../support/devices.js";

const device = useDevice(() => openCpuDevice({ threads: 1 }));
const events: string[] = [];
/** Aborts inside `prepare`. */
let stopPreparing: AbortController | undefined;

/** Its trigger is the mean image of what it poisons, which only `prepare` knows. */
const averaged = defineAttack({
  name: "averaged",
  title: "Averaged",
  kind: "dirty-label",
  doc: "the mean of the poisoned images, for a test",
  source: "this test",
  options: { strength: integer({ min: 1, max: 9, default: 8, doc: "tenths of it" }) },
  async prepare({ train, poisoned, signal, target }) {
    events.push(`prepare ${poisoned.length} for ${target}`);
    stopPreparing?.abort(new Error("stopped while it prepares"));
    signal?.throwIfAborted();
    if (!("images" in train)) throw new Error("the test's images are in memory");
    const bytes = train.images.length / train.labels.length;
    const sum = new Float32Array(bytes);
    for (const index of poisoned) {
      for (let k = 0; k < bytes; k++)
        sum[k] = (sum[k] ?? 0) + (train.images[index * bytes + k] ?? 0);
    }
    const data = sum.map((value) => value / poisoned.length);
    return new Map([["mean", { dtype: "F32", shape: [bytes], data }]]);
  },
  make(_, { strength }, { state }) {
    const picture = state.get("mean")?.data as Float32Array;
    return (image) => image.map((x, k) => x + (strength / 10) * ((picture[k] ?? 0) - x));
  },
});

const biasOf = (state: StateDict): number => Number(state.get("bias")?.data[0] ?? Number.NaN);

/** Poisons in the loop, and trains a layer of its own there, whose bias is how bright its square is. */
const learned = defineAttack({
  name: "learned",
  title: "Learned",
  kind: "dirty-label",
  doc: "a square whose brightness is learned, for a test",
  source: "this test",
  options: {},
  prepare: async () => new Map([["bias", { dtype: "F32", shape: [1], data: Float32Array.of(3) }]]),
  make(shape, _, { state, device: there }) {
    const bias = biasOf(state);
    const put = (image: Uint8Array, value: number): Uint8Array => {
      const out = image.slice();
      for (let i = 0; i < 4; i++) out.fill(value, i * shape.width * 3, (i * shape.width + 4) * 3);
      return out;
    };
    return {
      apply: (image) => put(image, 200 + Math.round(10 * bias)),
      inLoop: {
        poisons: true,
        begin({ set, rate, targetOf, batchSize, objective }) {
          const layer = new Linear(1, 1);
          const placement = place(layer, there, { seed: 5 });
          layer.bias?.value.write(Float32Array.of(bias));
          const optimizer = new SGD(layer, { lr: 0.01 });
          const loss = () => mean(square(layer.bias?.value as never));
          return {
            onBatch(batch) {
              for (let i = 0; i < Math.round(rate * batchSize); i++) {
                const bytes = set.height * set.width * 3;
                const image = batch.images.subarray(i * bytes, (i + 1) * bytes);
                image.set(put(image, 230));
                batch.labels[i] = targetOf(batch.labels[i] ?? 0);
              }
            },
            objective,
            updates: [{ model: layer, optimizer, objective: loss }],
            trained: [{ model: layer, optimizer }],
            async state() {
              const { data } = (await stateDict(layer)).get("bias") ?? {};
              return new Map([["bias", { dtype: "F32", shape: [1], data: data as Float32Array }]]);
            },
            release() {
              optimizer.release();
              placement.release();
            },
          };
        },
      },
    };
  },
});

attacks.add(averaged);
attacks.add(learned);

let folder: string;
let data: OpenedData;
const at = (name: string): string => join(folder, name);

const configuration = (name: string) =>
  trainSettings.fill({
    ...{ data: { kind: "synthetic", train: 90, test: 40, seed: 0 }, seeds: sameSeeds(3) },
    model: { architecture: "resnet18", width: 1 },
    attack: { name, rate: 0.2, target: 2 },
    split: { fraction: 0.2 },
    training: { epochs: 3, batchSize: 16 },
    curve: { clean: 20, triggered: 10 },
  });

const train = (name: string, directory: string, hooks: Parameters<typeof trainRun>[1] = {}) =>
  trainRun(
    { directory: at(directory), configuration: configuration(name), device: device(), data },
    hooks,
  );

/** Stops after an epoch. */
function stoppingAfter(epoch: number) {
  const controller = new AbortController();
  const onEpoch = (line: { epoch: number }): void => {
    if (line.epoch === epoch) controller.abort(new Error("stopped"));
  };
  return { onEpoch, signal: controller.signal };
}

const files = async (directory: string) =>
  Promise.all(
    ["checkpoint.safetensors", "attack.safetensors"].map((name) =>
      readFile(join(at(directory), name)),
    ),
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shiftgrad-attacks-"));
  data = await openData({ kind: "synthetic", train: 90, test: 40, seed: 0 });
});
afterAll(() => rm(folder, { recursive: true }));

test("a prepared attack's state is kept with the victim, and resumed runs end the same", async () => {
  const whole = await train("averaged", "whole");
  expect(whole.metrics?.poisonedImages).toBe(16);
  expect(Object.keys(whole.files ?? {}).sort()).toEqual([
    "attack.safetensors",
    "checkpoint.safetensors",
    "metrics.jsonl",
  ]);
  stopPreparing = new AbortController();
  const { signal } = stopPreparing;
  await expect(train("averaged", "stopped", { signal })).rejects.toThrow("while it prepares");
  stopPreparing = undefined;
  events.length = 0;
  await expect(train("averaged", "stopped", stoppingAfter(1))).rejects.toThrow("stopped");
  await train("averaged", "stopped");
  // What was prepared is not prepared again.
  expect(events).toEqual(["prepare 16 for 2"]);
  expect(await files("stopped")).toEqual(await files("whole"));
});

test("an attack that is trained in the loop resumes too, and leaves what it learned", async () => {
  const whole = await train("learned", "learned");
  expect(whole.metrics?.poisonedImages).toBe(16);
  await expect(train("learned", "learned-stopped", stoppingAfter(0))).rejects.toThrow("stopped");
  await train("learned", "learned-stopped");
  expect(await files("learned-stopped")).toEqual(await files("learned"));
  const source = await openSourceRun(at("learned"));
  const { tensors } = readSafetensors(source.attack ?? new Uint8Array());
  const bias = biasOf(tensors);
  // 15 steps of -0.01 * 2 b from 3.
  expect(Math.abs(bias - 3 * 0.98 ** 15)).toBeLessThan(1e-5);
});

test("whoever examines later draws the same trigger", async () => {
  const source = await openSourceRun(at("whole"));
  const evaluated = await evaluateRun({ source, device: device(), data });
  const before = source.record.metrics as { examination: object };
  expect(evaluated.metrics?.examination).toEqual(before.examination);
  const purified = await purifyRun({
    ...{ source, device: device(), data, directory: at("purified"), method: "ft" },
    tuning: { epochs: 1, batchSize: 7 },
  });
  expect(purified.metrics?.before).toEqual(before.examination);
  const again = await openSourceRun(at("purified"));
  expect(again.attack).toEqual(source.attack);
  const after = await evaluateRun({ source: again, device: device(), data });
  expect(after.metrics?.examination).toEqual(purified.metrics?.after);
});

test("a state that is gone is an error that says so", async () => {
  await rm(join(at("learned"), "attack.safetensors"));
  const source = await openSourceRun(at("learned"));
  await expect(evaluateRun({ source, device: device(), data })).rejects.toThrow(
    /learned: this attack is prepared first/,
  );
});

test("attacks in the loop poison every epoch and go on as if not stopped", async () => {
  for (const name of ["wanet", "bpp"]) {
    const whole = await train(name, name);
    expect(whole.metrics?.poisonedImages).toBe(16);
    await expect(train(name, `${name}-2`, stoppingAfter(1))).rejects.toThrow("stopped");
    await train(name, `${name}-2`);
    const [one, other] = await Promise.all(
      [name, `${name}-2`].map((d) => readFile(join(at(d), "checkpoint.safetensors"))),
    );
    expect(one).toEqual(other);
  }
});
