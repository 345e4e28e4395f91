import { expect, it } from "vitest";
import type { ImageSet } from "../../src/data/image-set.js";
import { subset } from "../../src/data/image-source.js";
import { fineTuningInit } from "../../src/defenses/index.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import { Classifier } from "../../src/models/classifier.js";
import { resnet18 } from "../../src/models/resnet.js";
import { Conv2d, Linear } from "../../src/nn/layers.js";
import { Sequential } from "../../src/nn/module.js";
import { place } from "../../src/nn/place.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { reshape } from "../../src/ops/layout.js";
import { constantRate } from "../../src/optim/schedules.js";
import { SGD } from "../../src/optim/sgd.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { type FitOptions, fit } from "../../src/training/fit.js";
import { ModelDataError } from "../../src/training/model-data.js";
import { accuracy, predict } from "../../src/training/predict.js";
import { useDevice } from "../support/devices.js";
import { tinySet } from "../support/tiny.js";

const device = useDevice(() => openCpuDevice({ threads: 1 }));

const gray = (set: ImageSet): ImageSet => ({
  ...set,
  channels: 1,
  images: set.images.filter((_, i) => i % 3 === 0),
  mean: [0.4],
  std: [0.25],
});

/** Its head looks at every pixel, so it takes images of one size. */
class Flat extends Classifier {
  readonly head = new Linear(9 * 9 * 4, 3);

  override get inputSize() {
    return { height: 9, width: 9 };
  }

  features(x: Tensor): Tensor {
    return reshape(x, [x.shape[0] ?? 0, -1]);
  }
}

const tinyClassifier = (classes = 3, inChannels = 3) => resnet18({ width: 4, classes, inChannels });

/** What each of the three ways to run a model on images says; none of them changes the model. */
async function refusals(model: Classifier, set: ImageSet, changes: Partial<FitOptions> = {}) {
  const placement = place(model, device(), { seed: 1 });
  const optimizer = new SGD(model, { lr: 0.1 });
  const before = await stateDict(model);
  let steps = 0;
  const onStep = (): void => {
    steps++;
  };
  const { batchSize = 16, dropLast = false } = changes;
  const shared = { epochs: 1, batchSize, dropLast, seed: 3 };
  const schedule = constantRate(0.1);
  const work = [
    () => fit(model, set, optimizer, { ...shared, schedule, onStep }),
    () => fineTuningInit.run(model, set, { ...shared, projection: "fst" }, { onStep }),
    () => predict(model, set),
  ];
  const errors: unknown[] = [];
  for (const run of work) {
    errors.push(
      await run().then(
        () => "no error",
        (error: unknown) => error,
      ),
    );
    model.train();
  }
  expect(steps).toBe(0);
  const after = await stateDict(model);
  optimizer.release();
  placement.release();
  return { errors: errors as Error[], changed: !equal(before, after) };
}

const equal = (a: Awaited<ReturnType<typeof stateDict>>, b: typeof a): boolean =>
  [...a].every(([name, { data }]) => `${data}` === `${b.get(name)?.data}`);

it.each([
  [
    "more classes than outputs",
    () => tinyClassifier(2),
    tinySet(33, 1),
    /2 classes .* has 3; make .*classes: 3/,
  ],
  [
    "fewer classes than outputs",
    () => tinyClassifier(10),
    tinySet(33, 1),
    /10 classes .* tiny has 3/,
  ],
  [
    "colours for gray",
    () => tinyClassifier(3, 1),
    tinySet(33, 1),
    /images of 1 channel, .* have 3; .*inChannels: 3/,
  ],
  [
    "gray for colours",
    () => tinyClassifier(3, 3),
    gray(tinySet(33, 1)),
    /of 3 channels, .* have 1;/,
  ],
  ["another size", () => new Flat(), tinySet(33, 1, 8), /of 9x9 pixels, .* have 8x8; resize/],
  ["no images", () => tinyClassifier(), subset(tinySet(33, 1), []), /tiny has no images/],
])("%s: fit, tune and predict refuse before the first step", async (_, make, set, message) => {
  const { errors, changed } = await refusals(make(), set);
  for (const [i, error] of errors.entries()) {
    expect(error).toBeInstanceOf(ModelDataError);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(["fit: ", "ft-init: ", "predict: "][i] ?? "");
  }
  expect(changed).toBe(false);
});

it.each([
  ["std 0", { std: [0.25, 0, 0.25] }, /std must be positive, got 0.25, 0, 0.25/],
  ["std NaN", { std: [0.25, Number.NaN, 0.25] }, /std must be positive/],
  ["mean NaN", { mean: [Number.NaN, 0.4, 0.4] }, /mean must be finite, got NaN/],
  [
    "a label without a class",
    { labels: new Uint32Array(33).fill(7) },
    /label 7 of image 0, .* 3 cl/,
  ],
  ["too few pixels", { images: new Uint8Array(5) }, /5 bytes of pixels, expected 8019/],
])("a set with %s is refused, wherever it was made", async (_, part, message) => {
  const { errors, changed } = await refusals(tinyClassifier(), { ...tinySet(33, 1), ...part });
  for (const error of errors) expect(error).toBeInstanceOf(RangeError);
  for (const error of errors) expect(error.message).toMatch(message);
  expect(changed).toBe(false);
});

it("a last batch of one value a channel is refused before the first step; dropLast leaves it out", async () => {
  // 8x8 pixels are 1x1 in the last stage; 33 images are two batches of 16 and one of 1.
  const set = tinySet(33, 1, 8);
  const { errors } = await refusals(tinyClassifier(), set);
  for (const error of errors.slice(0, 2)) {
    expect(error).toBeInstanceOf(ModelDataError);
    expect(error.message).toMatch(
      /last batch of an epoch has 1 of the 16 .* \(batchNorm: one value per/,
    );
    expect(error.message).toMatch(/leave it out \(dropLast\), or choose another batchSize/);
  }
  expect(errors[2]).toBe("no error");

  const model = tinyClassifier();
  const placement = place(model, device(), { seed: 1 });
  let images = 0;
  const onStep = (progress: { images: number }): void => {
    images = progress.images;
  };
  const changes = { epochs: 1, batchSize: 16, dropLast: true };
  await fineTuningInit.run(model, set, changes, { onStep });
  expect(images).toBe(32);
  placement.release();
});

it("too few images for a batch that may not be left out are refused before the first step", async () => {
  const { errors } = await refusals(tinyClassifier(), tinySet(15, 1), { dropLast: true });
  for (const error of errors.slice(0, 2)) {
    expect(error.message).toMatch(
      /15 images of tiny are not one batch of 16; choose a smaller batch/,
    );
  }
});

it("modules that are no classifiers are held to the channels of their image convolutions", async () => {
  const model = new Sequential(new Conv2d(1, 4, 3, { image: true }));
  const placement = place(model, device(), { seed: 1 });
  const optimizer = new SGD(model, { lr: 0.1 });
  const options = { epochs: 1, batchSize: 4, seed: 1, schedule: constantRate(0.1) };
  await expect(fit(model, tinySet(8, 1), optimizer, options)).rejects.toThrow(
    /images of 1 channel/,
  );
  for (const made of [optimizer, placement]) made.release();
});

it("accuracy refuses what is no comparison", () => {
  expect(() => accuracy([], [])).toThrow(/0 predictions for 0 labels/);
  expect(() => accuracy([1, 2], [1])).toThrow(/2 predictions for 1 labels; both must be equal/);
  expect(accuracy([1, 2, 0], [1, 2, 2])).toBeCloseTo(2 / 3);
});
