import { expect, it } from "vitest";
import type { Device } from "../../src/device/device.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { add, tanh } from "../../src/ops/elementwise.js";
import { cosine } from "../../src/optim/schedules.js";
import { SGD } from "../../src/optim/sgd.js";
import { full } from "../../src/tensor/create.js";
import { classification, type FitOptions, fit } from "../../src/training/fit.js";
import { accuracy, predict } from "../../src/training/predict.js";
import { describeOnDevices } from "../support/devices.js";
import { tinyModel, tinySet } from "../support/tiny.js";

const options: FitOptions = {
  epochs: 2,
  batchSize: 16,
  seed: 5,
  schedule: cosine(0.05, 8),
  augmentation: { pad: 1, flip: true },
};

/** Trains a tiny model; the last batch of an epoch is smaller. */
async function run(device: Device, changes: Partial<FitOptions> = {}) {
  const { model, placement } = tinyModel(device);
  const optimizer = new SGD(model, { lr: 0.05, momentum: 0.9, weightDecay: 5e-4 });
  const losses: number[] = [];
  const onStep: FitOptions["onStep"] = ({ loss }) => {
    losses.push(loss);
  };
  await fit(model, tinySet(60, 2), optimizer, { ...options, onStep, ...changes });
  const weights = await stateDict(model);
  const test = tinySet(33, 3);
  const score = accuracy(await predict(model, test, { batchSize: 10 }), test.labels);
  optimizer.release();
  placement.release();
  return { losses, weights, score };
}

describeOnDevices("fit", (device) => {
  it("learns, and repeats itself bit for bit", async () => {
    const first = await run(device(), { epochs: 10 });
    expect(first.losses.length).toBe(40);
    expect(first.losses.at(-1)).toBeLessThan(0.5 * (first.losses[0] ?? 0));
    expect(first.score).toBeGreaterThan(0.8);
    const second = await run(device(), { epochs: 10 });
    expect(second.losses).toEqual(first.losses);
    expect(second.weights).toEqual(first.weights);
  });

  it("compiles what a step needs before the first one", async () => {
    const { counters } = device();
    const compiled = new Set<number>();
    const heard: [number, number][] = [];
    let atStep = Number.NaN;
    await run(device(), {
      epochs: 1,
      // Nothing else has needed this one.
      objective: (batch, context) =>
        add(classification()(batch, context), tanh(full(device(), [], 0.125))),
      dropLast: true,
      onCompile: (done, all) => {
        heard.push([done, all]);
        compiled.add(counters.pipelinesCreated);
      },
      onStep: () => {
        atStep = counters.pipelinesCreated;
      },
    });
    if (device().kind === "cpu") expect(heard).toEqual([]);
    else {
      const [, all] = heard[0] ?? [];
      expect(heard.at(-1)).toEqual([all, all]);
      expect(atStep).toBe(Math.max(...compiled));
    }
  });

  it("draws other batches from another seed", async () => {
    const [a, b] = [await run(device()), await run(device(), { seed: 6 })];
    expect(a.losses).not.toEqual(b.losses);
  });

  it("gives back all memory", async () => {
    await run(device());
    const before = { ...device().counters };
    await run(device());
    expect(device().counters.bytesInUse).toBe(before.bytesInUse);
    expect(device().counters.buffersCreated).toBe(before.buffersCreated);
  });

  it("stops between steps when aborted", async () => {
    const controller = new AbortController();
    let steps = 0;
    const onStep = (): void => {
      if (++steps === 2) controller.abort(new Error("stop here"));
    };
    await expect(run(device(), { signal: controller.signal, onStep, epochs: 50 })).rejects.toThrow(
      "stop here",
    );
    expect(steps).toBeLessThan(8);
  });

  it("says so when training diverges", async () => {
    await expect(run(device(), { schedule: () => ({ lr: 1e30 }) })).rejects.toThrow(
      /loss became (NaN|-?Infinity) at step \d+: training diverged/,
    );
  });
});
