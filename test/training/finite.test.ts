import { expect, it } from "vitest";
import type { Device } from "../../src/device/device.js";
import type { Classifier } from "../../src/models/classifier.js";
import type { Parameter, Statistic } from "../../src/nn/parameter.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { affine } from "../../src/ops/elementwise.js";
import { constantRate } from "../../src/optim/schedules.js";
import { SGD } from "../../src/optim/sgd.js";
import { NonFiniteError } from "../../src/training/finite.js";
import { classification, type FitOptions, fit } from "../../src/training/fit.js";
import { predict } from "../../src/training/predict.js";
import { describeOnDevices } from "../support/devices.js";
import { tinyModel, tinySet } from "../support/tiny.js";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** Writes a value over one number of a parameter or statistic; over all of them where it is finite. */
async function spoil(model: Classifier, name: string, value: number): Promise<void> {
  const owned = new Map<string, Parameter | Statistic>([
    ...model.parameters(),
    ...model.statistics(),
  ]);
  const tensor = owned.get(name)?.value;
  const values = await tensor?.read();
  if (!tensor || !values) throw new Error(`no ${name}`);
  values.fill(value, 1, Number.isFinite(value) ? values.length : 2);
  tensor.write(values);
}

const failure = (work: Promise<unknown>): Promise<NonFiniteError> =>
  work.then(
    () => {
      throw new Error("it should have failed");
    },
    (error: unknown) => {
      if (error instanceof NonFiniteError) return error;
      throw error;
    },
  );

const options: FitOptions = { epochs: 1, batchSize: 20, seed: 5, schedule: constantRate(0.01) };

async function train(device: Device, changes: Partial<FitOptions>, model: Classifier) {
  const optimizer = new SGD(model, { lr: 0.01, momentum: 0.9 });
  try {
    await fit(model, tinySet(40, 2), optimizer, { ...options, ...changes });
  } finally {
    optimizer.release();
  }
  return device;
}

describeOnDevices("a model that is not finite", (device) => {
  it.each([
    ["conv1.weight", nan, "conv1", /conv1\.weight is not finite/],
    ["layer1.1.bn2.bias", inf, "layer1.1.bn2", /layer1\.1\.bn2\.bias is not finite/],
    ["layer3.0.bn1.running_var", nan, "layer3.0.bn1", /bn1\.running_var is not finite/],
    [
      "layer2.0.shortcut.0.weight",
      -inf,
      "layer2.0.shortcut.0",
      /shortcut\.0\.weight is not finite/,
    ],
    ["linear.bias", nan, "linear", /linear\.bias is not finite/],
    // Finite values whose products are not.
    [
      "layer2.1.conv1.weight",
      1e38,
      "layer2.1.conv1",
      /its values are finite, what it computes overfl/,
    ],
  ])("is not measured: %s of %d", async (name, value, layer, detail) => {
    const { model, placement } = tinyModel(device());
    model.train();
    await spoil(model, name, value);
    const { bytesInUse } = device().counters;
    const error = await failure(predict(model, tinySet(33, 3), { batchSize: 10 }));
    expect(error).toMatchObject({ layer, step: null });
    expect(error.message).toMatch(/what the model gives for image 0 of tiny is not finite: /);
    expect(error.message).toContain(`${layer} is the first layer whose output is not finite`);
    expect(error.message).toMatch(detail);
    expect(error.message).toMatch(/cannot be measured: its training diverged or its file is damag/);
    expect(model.training).toBe(true);
    expect(device().counters.bytesInUse).toBe(bytesInUse);
    placement.release();
  });

  it("is named by the image that shows it", async () => {
    const { model, placement } = tinyModel(device());
    const set = tinySet(33, 3);
    // All black but the 17th, whose brightness overflows.
    await spoil(model, "conv1.weight", 1e38);
    const black = { ...set, images: set.images.fill(0), mean: [0, 0, 0] };
    expect((await predict(model, black, { batchSize: 10 })).length).toBe(33);
    black.images.fill(255, 17 * 243, 18 * 243);
    const error = await failure(predict(model, black, { batchSize: 10 }));
    expect(error.message).toMatch(/image 17 of tiny is not finite: conv1 is the first layer/);
    placement.release();
  });

  it("is not trained", async () => {
    const { model, placement } = tinyModel(device());
    // Batch statistics are finite all the same, and so is the loss.
    await spoil(model, "layer1.0.bn1.running_mean", nan);
    const before = await stateDict(model);
    let steps = 0;
    const error = await failure(train(device(), { onStep: () => steps++ }, model));
    expect(error).toMatchObject({ layer: "layer1.0.bn1", step: null });
    expect(error.message).toMatch(
      /before the first step: layer1\.0\.bn1\.running_mean is not finite/,
    );
    expect(steps).toBe(0);
    expect(await stateDict(model)).toEqual(before);
    placement.release();
  });

  it("is found after the last update, before anybody looks at it", async () => {
    const { model, placement } = tinyModel(device());
    const seen: string[] = [];
    const hooks: Partial<FitOptions> = {
      batchSize: 40,
      schedule: constantRate(3e38),
      objective: (batch, context) => affine(classification()(batch, context), 1e5),
      onStep: ({ loss }) => seen.push(`loss ${Number.isFinite(loss) ? "finite" : "not"}`),
      onEpoch: () => {
        seen.push("epoch");
      },
    };
    const error = await failure(train(device(), hooks, model));
    expect(seen).toEqual(["loss finite"]);
    expect(error).toMatchObject({ step: 1, layer: expect.stringMatching(/^(conv1|bn1|layer)/) });
    expect(error.message).toMatch(
      /the update of step 1 is not finite: training diverged \(\S+ and \d+ more are not finite\); lower/,
    );
    placement.release();
  });

  it("is found by the loss of the step after it", async () => {
    const { model, placement } = tinyModel(device());
    const error = await failure(train(device(), { schedule: constantRate(3e38) }, model));
    expect(error).toMatchObject({ step: 2, layer: expect.stringMatching(/^(conv1|bn1|layer)/) });
    expect(error.message).toMatch(/the loss became (NaN|-?Infinity) at step 2: training diverged/);
    placement.release();
  });
});
