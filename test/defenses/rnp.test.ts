import { describe, expect, it } from "vitest";
import { reconstructivePruning } from "../../src/defenses/index.js";
import { NormMasks } from "../../src/defenses/norm-masks.js";
import { unlearn } from "../../src/defenses/rnp.js";
import { openDevice } from "../../src/device/open.js";
import { place } from "../../src/nn/place.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { affine } from "../../src/ops/elementwise.js";
import { constantRate } from "../../src/optim/schedules.js";
import { SGD } from "../../src/optim/sgd.js";
import { fit } from "../../src/training/fit.js";
import {
  areMasks,
  defensesFixture,
  fixtureImages,
  fixtureLoop,
  fixtureVictim,
  maskValues,
  purified,
  resumesBitForBit,
} from "../support/defenses.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { tinyModel, tinySet } from "../support/tiny.js";

const small = {
  ...{ epochs: 2, unlearnEpochs: 2, unlearnLr: 0.02, batchSize: 8, holdOut: 0.3, drop: 0.9 },
  ...{ lr: 5, augmentation: { pad: 1, flip: true } },
};

describeOnDevices("RNP", (device) => {
  it("unlearns and recovers as in PyTorch", async () => {
    const [expected] = defensesFixture().rnp;
    if (!expected) throw new Error("no fixture");
    const { model, placement } = fixtureVictim(device());
    const options = reconstructivePruning.options.fill({
      ...{ ...fixtureLoop, unlearnEpochs: 2, unlearnLr: 0.01, unlearnTo: 0 },
      ...expected.options,
    });
    const losses: number[] = [];
    const onStep = ({ loss }: { loss: number }) => void losses.push(loss);
    // Below any accuracy: both epochs run.
    await unlearn(model, fixtureImages(), { ...options, unlearnTo: -1 }, { onPart: onStep });
    for (const [, p] of model.parameters()) p.trainable = false;
    const masks = new NormMasks(model);
    const placed = place(masks, device(), { seed: 0 });
    const optimizer = new SGD(masks, { lr: 0.2, momentum: 0.9 });
    await fit(masks, fixtureImages(), optimizer, {
      ...{ epochs: 2, batchSize: 6, seed: 0, schedule: constantRate(0.2), onStep },
      objective: ({ images, labels }, { forward, report }) => {
        const loss = crossEntropy(forward(images), labels);
        report("loss", loss);
        return affine(loss, options.alpha);
      },
      afterStep: () => masks.clip(),
    });
    expect(losses.length).toBe(4);
    expected.losses64.forEach((loss, i) => {
      expect(Math.abs((losses[i] ?? Number.NaN) - loss), `loss ${i}`).toBeLessThan(4e-6);
    });
    areMasks(masks, await maskValues(masks), expected);
    optimizer.release();
    for (const p of [placed, placement]) p.release();
  });
});

describe("RNP (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("stops unlearning when an epoch's accuracy is low enough", async () => {
    const count = async (unlearnTo: number): Promise<[epochs: number, accuracy: number]> => {
      const { model, placement } = tinyModel(device());
      const epochs = new Set<number>();
      const options = reconstructivePruning.options.fill({ ...small, unlearnEpochs: 3, unlearnTo });
      const onPart = ({ epoch }: { epoch: number }) => void epochs.add(epoch);
      const accuracy = await unlearn(model, tinySet(24, 2), options, { onPart });
      placement.release();
      return [epochs.size, accuracy];
    };
    const [all, accuracy] = await count(0);
    expect(all).toBe(accuracy > 0 ? 3 : all);
    const [one] = await count(1);
    expect(one).toBe(1);
  });

  it("prunes the model as it was received, not the one that unlearned", async () => {
    const stages: string[] = [];
    const { before, after } = await purified(device(), reconstructivePruning, small, {
      onStage: (stage) => void stages.push(stage),
    });
    expect(stages.slice(0, 3)).toEqual(["unlearning", "masks", "the threshold"]);
    expect(stages[3]).toMatch(
      /^0[.\d]* chosen: [\d.]+% right of the images held out, [\d.]+% before$/,
    );
    let zeros = 0;
    for (const [name, { data }] of before) {
      data.forEach((v, i) => {
        const now = after.get(name)?.data[i];
        if (now === v) return;
        expect(name).toMatch(/bn\d.weight|shortcut.1.weight/);
        expect(now).toBe(0);
        zeros++;
      });
    }
    expect(zeros).toBeGreaterThan(0);
  });

  it("goes on after a pause bit for bit", () =>
    resumesBitForBit(device(), reconstructivePruning, small));
});

it("refuses an accuracy that is no share", () => {
  const { options } = reconstructivePruning;
  expect(() => options.fill({ unlearnTo: 20 })).toThrow(
    /rnp: unlearnTo must be a number in 0 .. 1/,
  );
});
