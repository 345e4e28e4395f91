import { expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import { BatchLoader } from "../../src/data/loader.js";
import { alignment } from "../../src/defenses/tuning.js";
import type { Device } from "../../src/device/device.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { add } from "../../src/ops/elementwise.js";
import { cosine } from "../../src/optim/schedules.js";
import { BatchInput } from "../../src/training/batch-input.js";
import { classification, fit } from "../../src/training/fit.js";
import { describeOnDevices } from "../support/devices.js";
import { type MakeOptimizer, optimizers } from "../support/optimizers.js";
import { tinyModel, tinySet } from "../support/tiny.js";

const augmentation = { pad: 2, flip: true };
const schedule = cosine(0.05, 12);
const settings = { batchSize: 16, seed: 9 };

/** The same training by ops called step by step, as a user's own loop would. */
async function eager(device: Device, make: MakeOptimizer) {
  const { model, placement } = tinyModel(device);
  const set = tinySet(40, 2);
  const optimizer = make(model);
  const loader = new BatchLoader(set, settings);
  const losses: number[] = [];
  for (let epoch = 0; epoch < 4; epoch++) {
    let k = 0;
    for await (const batch of loader.epoch(epoch)) {
      optimizer.set(schedule(epoch * loader.length + k));
      const input = new BatchInput(device, set, batch.count);
      input.write(batch, { seed: settings.seed, epoch, step: k++ });
      const scope = device.scope();
      const loss = crossEntropy(model.forward(input.images(augmentation)), input.labels);
      const weight = model.head.weight.value;
      backward(add(loss, alignment(weight, weight.detach(), 0.01)));
      optimizer.step();
      const value = loss.item();
      scope[Symbol.dispose]();
      losses.push(await value);
      input.release();
    }
  }
  const weights = await stateDict(model);
  const state = await optimizer.save();
  optimizer.release();
  placement.release();
  return { losses, weights, state };
}

async function replayed(device: Device, make: MakeOptimizer) {
  const { model, placement } = tinyModel(device);
  const optimizer = make(model);
  const losses: number[] = [];
  const weight = model.head.weight.value;
  await fit(model, tinySet(40, 2), optimizer, {
    ...settings,
    epochs: 4,
    schedule,
    augmentation,
    objective: (batch, context) => {
      const loss = classification()(batch, context);
      context.report("loss", loss);
      return add(loss, alignment(weight, weight.detach(), 0.01));
    },
    onStep: ({ loss }) => {
      losses.push(loss);
    },
  });
  const weights = await stateDict(model);
  const state = await optimizer.save();
  optimizer.release();
  placement.release();
  return { losses, weights, state };
}

describeOnDevices("a replayed training step", (device) => {
  it.each(optimizers)(
    "equals eager $name bit for bit: rates, seeds, step counts",
    async ({ make }) => {
      const [one, two] = [await eager(device(), make), await replayed(device(), make)];
      expect(two.losses.length).toBe(12);
      expect(new Set(two.losses).size).toBe(12);
      expect(two.losses).toEqual(one.losses);
      expect(two.weights).toEqual(one.weights);
      expect(two.state).toEqual(one.state);
      expect(two.weights.get("bn1.num_batches_tracked")?.data[0]).toBe(12n);
    },
  );
});
