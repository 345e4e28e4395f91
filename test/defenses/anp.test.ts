import { describe, expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import { anpLoss } from "../../src/defenses/anp.js";
import { adversarialPruning } from "../../src/defenses/index.js";
import { NormMasks, thresholds } from "../../src/defenses/norm-masks.js";
import { openDevice } from "../../src/device/open.js";
import { Sequential } from "../../src/nn/module.js";
import { place } from "../../src/nn/place.js";
import { loadStateDict, stateDict } from "../../src/nn/state-dict.js";
import { SGD } from "../../src/optim/sgd.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { noAugmentation } from "../../src/training/batch-input.js";
import {
  areMasks,
  dataOf,
  defensesFixture,
  fixtureInput,
  fixtureVictim,
  maskValues,
  purified,
  resumesBitForBit,
} from "../support/defenses.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { uniform } from "../support/random.js";
import { tinyModel, tinySet } from "../support/tiny.js";

const small = {
  ...{ epochs: 2, batchSize: 8, holdOut: 0.3, drop: 0.4 },
  augmentation: { pad: 1, flip: true },
};

describeOnDevices("ANP", (device) => {
  it.each(defensesFixture().anp.map((one) => [one.options, one] as const))(
    "takes PyTorch's steps with %o",
    async (options, expected) => {
      const { model, placement } = fixtureVictim(device());
      const before = await stateDict(model);
      for (const [, p] of model.parameters()) p.trainable = false;
      model.train();
      const masks = new NormMasks(model);
      const placed = place(masks, device(), { seed: 0 });
      const optimizer = new SGD(masks, { lr: 0.2, momentum: 0.9 });
      const input = fixtureInput(device());
      for (const [step, loss64] of expected.losses64.entries()) {
        using _ = device().scope();
        const noise = (k: 0 | 1): Tensor[] =>
          masks.channels.map((c, i) => {
            const seed = 3000 + 100 * step + 2 * i + k;
            return tensor(device(), uniform(seed, c, -options.eps, options.eps));
          });
        const batch = { images: input.images(noAugmentation), labels: input.labels };
        let clean: Tensor | undefined;
        const start = { scale: noise(0), shift: noise(1) };
        const report = (_: string, value: Tensor): void => {
          clean = value;
        };
        backward(anpLoss(masks, batch, start, options, { report }));
        optimizer.step();
        masks.clip();
        expect(Math.abs(((await clean?.item()) ?? Number.NaN) - loss64)).toBeLessThan(4e-6);
      }
      areMasks(masks, await maskValues(masks), expected);
      // Nothing of the model itself has changed, its statistics and their count neither.
      expect(await stateDict(model)).toEqual(before);
      input.release();
      optimizer.release();
      for (const p of [placed, placement]) p.release();
    },
  );
});

describe("ANP (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("prunes gammas whose mask is at most the threshold, for good, and nothing else", async () => {
    const { model, placement } = tinyModel(device());
    const before = await stateDict(model);
    const masks = new NormMasks(model);
    const placed = place(masks, device(), { seed: 0 });
    masks.masks[1]?.value.write([0.2, 0.31, 0.3, 1]);
    const prune = await masks.pruner();
    expect(prune(0.5)).toBe(3);
    expect(prune(0.3)).toBe(2);
    const copy = tinyModel(device(), 9);
    loadStateDict(copy.model, await stateDict(model));
    const after = await stateDict(copy.model);
    expect([...dataOf(after, "layer1.0.bn1.weight")]).toEqual([0, 1, 0, 1]);
    for (const [name, { data }] of before) {
      if (name !== "layer1.0.bn1.weight") expect(after.get(name)?.data, name).toEqual(data);
    }
    expect(prune(null)).toBe(0);
    expect(await stateDict(model)).toEqual(before);
    for (const p of [placed, placement, copy.placement]) p.release();
  });

  it("changes gammas alone, to zero", async () => {
    const stages: string[] = [];
    const options = { ...small, epochs: 3, lr: 5, drop: 0.9 };
    const { before, after } = await purified(device(), adversarialPruning, options, {
      onStage: (stage) => void stages.push(stage),
    });
    expect(stages.slice(0, 2)).toEqual(["masks", "the threshold"]);
    expect(stages[2]).toMatch(
      /^0[.\d]* chosen: [\d.]+% right of the images held out, [\d.]+% before$/,
    );
    let zeros = 0;
    for (const [name, { data }] of before) {
      const now = after.get(name)?.data;
      if (!/bn\d.weight|shortcut.1.weight/.test(name)) expect(now, name).toEqual(data);
      data.forEach((v, i) => {
        if (now?.[i] === v) return;
        expect(now?.[i]).toBe(0);
        zeros++;
      });
    }
    expect(zeros).toBeGreaterThan(0);
  });

  it("goes on after a pause bit for bit", () =>
    resumesBitForBit(device(), adversarialPruning, { ...small, lr: 5, drop: 0.9 }));

  it("refuses a model without batch norm", () => {
    expect(() => new NormMasks(new Sequential())).toThrow(/no batch norm whose channels/);
  });
});

it("says what it costs: masks need no weight gradients", () => {
  const options = adversarialPruning.options.fill({ epochs: 10, holdOut: 0.2, ascents: 2 });
  const masks = 10 * 4 * (2 / 3) * 0.8;
  const choice = ((thresholds.length + 1) * 0.2) / 3;
  expect(adversarialPruning.passes(options, tinySet(30, 1))).toBeCloseTo(masks + choice, 12);
});
