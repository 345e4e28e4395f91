import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { syntheticData } from "../../src/data/synthetic.js";
import { tuningDefaults } from "../../src/defenses/index.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import {
  type DemoConfiguration,
  type PurifyConfiguration,
  sameSeeds,
  type TrainConfiguration,
  trainSettings,
} from "../../src/lab/records/configuration.js";
import { parseRecord } from "../../src/lab/records/record.js";
import { demoConfiguration } from "../../src/lab/runs/demo-configuration.js";
import { purify } from "../../src/lab/victims/purify.js";
import { trainVictim } from "../../src/lab/victims/victim.js";
import type { Classifier } from "../../src/models/classifier.js";
import { placementOf } from "../../src/nn/place.js";
import { stateDict } from "../../src/nn/state-dict.js";

// What the command line of commit 77902bb wrote, each by one command (device and versions cut short).
const path = new URL("../fixtures/records-1.json", import.meta.url);
const records = JSON.parse(readFileSync(path, "utf8")) as Record<string, object>;
const recordOf = (name: string) => parseRecord(JSON.stringify(records[name]), name);

const small = {
  tuning: { fraction: 0.2 },
  data: { kind: "synthetic", train: 90, test: 40, seed: 0 },
};
const victim: TrainConfiguration = trainSettings.fill({
  ...{ seeds: sameSeeds(3), data: small.data, split: small.tuning },
  model: { architecture: "resnet18", width: 2 },
  attack: {
    ...{ name: "blended", rate: 0.1, target: 2 },
    options: { picture: "smooth", alpha: 0.4 },
  },
  training: { epochs: 1, batchSize: 16, augmentation: { pad: 4 } },
  curve: { clean: 20, triggered: 10 },
});

const expected: Record<string, object> = {
  victim,
  badnets: trainSettings.fill({
    ...{ data: small.data, split: { ...small.tuning, scheme: "overlapping-random" } },
    model: { architecture: "resnet18", width: 1 },
    attack: { name: "badnets", rate: 0.1, options: { pattern: "grid", row: 4 } },
    training: { epochs: 1, batchSize: 16, augmentation: { pad: 1, flip: false } },
    curve: { clean: 0, triggered: 0 },
  }),
  clean: trainSettings.fill({
    ...{ data: small.data, split: small.tuning, attack: null },
    model: { architecture: "resnet34", width: 1 },
    training: {
      ...{ epochs: 1, batchSize: 16, lr: 0.05, momentum: 0.8, weightDecay: 0.001 },
      augmentation: { pad: 4 },
    },
    curve: { clean: 0, triggered: 0 },
  }),
  cifar: trainSettings.fill({
    data: { kind: "cifar10", directory: "images/cifar-10-batches-bin" },
    model: { architecture: "resnet18", width: 1 },
    attack: { name: "sig", rate: 0.001 },
    training: { epochs: 1, batchSize: 500 },
    curve: { clean: 0, triggered: 0 },
  }),
  lp: {
    method: "lp",
    tuning: {
      ...tuningDefaults,
      ...{ epochs: 1, batchSize: 7, alpha: 0.1, projectAtStart: true, redrawBias: false, seed: 9 },
      ...{ batchNorm: "frozen", projection: "fst", labelSmoothing: 0.1 },
      augmentation: { pad: 4, flip: false },
    },
    curve: { clean: 1000, triggered: 500 },
    victim,
  } satisfies PurifyConfiguration,
  eval: { victim },
  demo: demoConfiguration({
    ...{
      data: { ...small.data, train: 300 },
      methods: ["ft", "fst"],
      width: 1,
      epochs: 1,
      seed: 2,
    },
  }) satisfies DemoConfiguration,
};

test.each(Object.keys(records))("the configuration of %s is what its command says now", (name) => {
  const record = recordOf(name);
  expect(record.configuration).toEqual(expected[name]);
  expect(record).toMatchObject({
    version: 1,
    files: null,
    state: name === "cifar" ? "interrupted" : "finished",
  });
});

test("a picture that was never used is not taken for one", () => {
  const text = JSON.stringify(records.victim).replace('"smooth"', '"/a/file.png"');
  expect(() => parseRecord(text, "record.json")).toThrow(
    'record.json: configuration: attack: options: picture must be "noise" or "smooth" or a PNG or JPEG file, not "/a/file.png"',
  );
});

/** SHA-256 of a model's names and values. */
async function hashOf(model: Classifier): Promise<string> {
  const hash = createHash("sha256");
  for (const [name, { data }] of await stateDict(model)) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}

test("one seed of before gives the same bits as the seeds apart", async () => {
  // Without relaxed SIMD, which rounds as the processor does.
  const device = await openCpuDevice({ relaxed: false, threads: 1 });
  try {
    const { configuration } = recordOf("victim");
    const { train } = await syntheticData.open({ train: 90, test: 40 });
    const { model, tuning } = await trainVictim(device, train, configuration as TrainConfiguration);
    expect(await hashOf(model)).toBe(
      "26669550bdbc607024f13e43c31effa196d13fa7bf23873da9521041b88d89a9",
    );
    await purify(model, tuning, "fst", { epochs: 1, batchSize: 7, seed: 3 });
    expect(await hashOf(model)).toBe(
      "8d802735212740b3d4ac4ffac1832ac6b4c4627843801d27dc43154a6c4a00b8",
    );
    placementOf(model).release();
  } finally {
    await device.destroy();
  }
});
