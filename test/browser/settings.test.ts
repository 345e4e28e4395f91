import { describe, expect, test } from "vitest";
import {
  addressOf,
  defaults,
  imageCounts,
  limits,
  numberNames,
  problems,
  readAddress,
  type Settings,
} from "../../examples/browser/settings.js";
import { poison } from "../../src/attacks/index.js";
import type { ImageSource } from "../../src/data/image-source.js";
import { BatchLoader } from "../../src/data/loader.js";
import { tuningSplit } from "../../src/data/split.js";
import { tuningDefaults } from "../../src/defenses/index.js";
import { demoConfiguration } from "../../src/lab/runs/demo-configuration.js";
import { makeAttack } from "../../src/lab/victims/attack.js";

const settings = (changes: Partial<Settings>): Settings => ({ ...defaults, ...changes });

/** Labels as the synthetic set has them, and no pixels. */
const labelsOf = (images: number): ImageSource => ({
  ...{ name: "labels", height: 32, width: 32, channels: 3, mean: [0, 0, 0], std: [1, 1, 1] },
  classes: Array.from({ length: 10 }, (_, i) => `class ${i}`),
  labels: Uint32Array.from({ length: images }, (_, i) => i % 10),
  read: () => {},
});

/** What the library makes of settings: counts, or the error with which a run would fail. */
async function run({ images, percent, batchSize, seed }: Settings) {
  const { victim } = demoConfiguration({ methods: ["fst"], seed });
  if (!victim.attack) throw new Error("the demo has an attack");
  const set = labelsOf(images);
  const split = tuningSplit(set, { ...victim.split, seed });
  const attack = await makeAttack(victim.attack, set);
  const options = { rate: percent / 100, target: victim.attack.target, seed };
  const { count } = await poison(split.train, attack, options);
  new BatchLoader(split.train, { batchSize, seed, dropLast: true });
  return {
    training: split.train.labels.length,
    tuning: split.tuning.labels.length,
    poisoned: count,
  };
}

describe("the form's limits are the library's", () => {
  test.each([
    { images: 100 },
    { images: 237, batchSize: 217 },
    { images: 999, percent: 0.06 },
    { images: 6000, percent: 100 },
    { images: 50_000, percent: 0.01, batchSize: 1024, seed: 2 ** 32 - 1 },
    { images: 100, batchSize: 90, percent: 0.56 },
  ])("what the form takes runs, with the counts it tells: %o", async (changes) => {
    const chosen = settings({ batchSize: 7, ...changes });
    expect(problems(chosen)).toEqual({});
    const { test: _, ...counts } = imageCounts(chosen);
    expect(await run(chosen)).toEqual(counts);
  });

  test.each([
    [
      { images: 99, batchSize: 7 },
      "images",
      "A whole number from 100 to 50,000. Of 100 or more, the defender’s tenth has one of each class.",
    ],
    [
      { images: 100, batchSize: 91 },
      "batchSize",
      "At most 90: as many images does the victim learn from.",
    ],
    [
      { images: 100, batchSize: 7, percent: 0.55 },
      "percent",
      "At least 0.56: less of 90 training images rounds to none.",
    ],
    [{ images: 100, batchSize: 7, percent: 100.01 }, "percent", "A number from 0.01 to 100."],
    [{ batchSize: 0 }, "batchSize", "A whole number from 1 to 1,024."],
  ] as const)("what it refuses fails: %o", async (changes, name, message) => {
    const chosen = settings(changes);
    expect(problems(chosen)).toEqual({ [name]: message });
    await expect(run(chosen)).rejects.toThrow(RangeError);
  });

  test("each field has its ends, and refuses what lies beyond or between", () => {
    for (const name of numberNames) {
      const { min, max, step } = limits[name];
      for (const value of [min - step, max + step, min + step / 3, Number.NaN]) {
        expect(problems(settings({ [name]: value })), `${name} ${value}`).toHaveProperty(name);
      }
      const enough = name === "batchSize" ? { images: 50_000 } : { images: 5000, batchSize: 1 };
      for (const value of [min, max]) {
        const chosen = settings({ ...enough, percent: 50, [name]: value });
        if (name !== "percent") expect(problems(chosen), `${name} ${value}`).toEqual({});
      }
    }
  });

  test("the defaults are the command line's demo", () => {
    const { victim, tuning } = demoConfiguration({ methods: ["fst"], seed: 0 });
    expect(problems(defaults)).toEqual({});
    expect(victim.data).toMatchObject({ train: defaults.images, test: imageCounts(defaults).test });
    expect(victim.attack?.rate).toBe(defaults.percent / 100);
    expect(victim.model.width).toBe(defaults.width);
    expect(victim.training).toMatchObject({
      epochs: defaults.epochs,
      batchSize: defaults.batchSize,
    });
    expect(tuning).toMatchObject({
      epochs: defaults.tuningEpochs,
      batchSize: tuningDefaults.batchSize,
    });
  });
});

describe("the address", () => {
  const chosen: Settings = {
    ...{ device: "webgpu", width: 5, images: 1234, epochs: 3, percent: 0.7 },
    ...{ tuningEpochs: 2, batchSize: 33, seed: 4_000_000_000 },
  };

  test("holds every setting, and gives them back", () => {
    expect(addressOf(chosen)).toBe(
      "device=webgpu&width=5&images=1234&epochs=3&percent=0.7&tuningEpochs=2&batchSize=33&seed=4000000000",
    );
    expect(readAddress(`?${addressOf(chosen)}`)).toEqual({
      ...{ settings: chosen, start: false, complaints: [] },
    });
  });

  test("takes the defaults for what it does not name, and tells what it cannot understand", () => {
    expect(readAddress("?width=4&start").settings).toEqual({ ...defaults, width: 4 });
    expect(readAddress("?width=4&start").start).toBe(true);
    const { settings, complaints } = readAddress("?width=wide&device=abacus&seed=&colour=red");
    expect(settings).toEqual(defaults);
    expect(complaints).toEqual([
      "“width=wide” in the address is no number.",
      "“device=abacus” in the address is none of auto, webgpu, cpu.",
      "“seed=” in the address is no number.",
      "“colour=red” in the address is no setting.",
    ]);
  });
});
