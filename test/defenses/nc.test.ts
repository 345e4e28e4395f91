import { describe, expect, it } from "vitest";
import { imageSet } from "../../src/data/image-set.js";
import { anomalyIndices, MaskCost, neuralCleanse } from "../../src/defenses/index.js";
import { reverseTrigger, stamped } from "../../src/defenses/reversed-trigger.js";
import { openDevice } from "../../src/device/open.js";
import { stateDict } from "../../src/nn/state-dict.js";
import {
  defensesFixture,
  fixtureImages,
  fixtureVictim,
  norm,
  purified,
} from "../support/defenses.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { unpack } from "../support/fixtures.js";
import { tinySet } from "../support/tiny.js";

const small = {
  ...{ searchEpochs: 2, searchBatchSize: 16, unlearnEpochs: 1, batchSize: 16 },
  augmentation: { pad: 1, flip: true },
};
const search = { ...small, searchLr: 0.1, success: 0.98, patience: 5, cost: 1e-3, seed: 0 };

describeOnDevices("NC", (device) => {
  it("searches as PyTorch does, and leaves the model alone", async () => {
    const { target, cost, epochs, losses, mask, pattern, norm: norm64 } = defensesFixture().nc;
    const { model, placement } = fixtureVictim(device());
    model.eval();
    const before = await stateDict(model);
    const found: number[] = [];
    const options = { ...search, searchEpochs: epochs, batchSize: 6, cost };
    const trigger = await reverseTrigger(model, fixtureImages(), target, options, {
      onPart: ({ loss }) => void found.push(loss),
    });
    expect(await stateDict(model)).toEqual(before);
    placement.release();
    losses.forEach((loss, i) => {
      expect(Math.abs((found[i] ?? Number.NaN) - loss)).toBeLessThan(4e-6);
    });
    expect(Math.abs(trigger.norm / norm64 - 1)).toBeLessThan(1e-5);
    for (const [own, packed] of [
      [trigger.mask, mask],
      [trigger.pattern, pattern],
    ] as const) {
      const exact = unpack(packed);
      expect(own.length).toBe(exact.length);
      const apart = norm(exact.map((v, i) => v - (own[i] ?? Number.NaN)));
      expect(apart / norm(exact)).toBeLessThan(1e-5);
    }
  });
});

describe("NC (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("leaves a model without an outlier as it was", async () => {
    const stages: string[] = [];
    const { before, after } = await purified(
      device(),
      neuralCleanse,
      { ...small, outlier: 1e6 },
      {
        onStage: (stage) => void stages.push(stage),
      },
    );
    expect(after).toEqual(before);
    expect(stages.slice(0, 3)).toEqual([
      "the trigger of class red (1/3)",
      "the trigger of class green (2/3)",
      "the trigger of class blue (3/3)",
    ]);
    expect(stages[3]).toMatch(/^no class is an outlier \(highest anomaly index .*stays as it is$/);
  });

  it("unlearns an outlier, the same in every run", async () => {
    const stages: string[] = [];
    const run = () =>
      purified(
        device(),
        neuralCleanse,
        { ...small, outlier: 0.1 },
        {
          onStage: (stage) => void stages.push(stage),
        },
      );
    const [first, second] = [await run(), await run()];
    expect(first.after).not.toEqual(first.before);
    expect(second.after).toEqual(first.after);
    expect(stages[3]).toMatch(/^unlearning the trigger of (red|green|blue) \(anomaly index \d/);
  });

  it("stamps bytes as the mask says", () => {
    const trigger = {
      ...{ target: 0, norm: 1.5, success: 1 },
      mask: Float32Array.of(0, 0.5, 1),
      pattern: Float32Array.of(1, 1, 0, 1, 0.2, 0),
    };
    const image = Uint8Array.of(10, 20, 100, 55, 7, 8);
    expect([...stamped(image, trigger)]).toEqual([10, 20, 50, 155, 51, 0]);
    expect([...image]).toEqual([10, 20, 100, 55, 7, 8]);
  });

  it("raises the cost after successes in a row and lowers it after failures", () => {
    const cost = new MaskCost(1, 2);
    const told = [true, true, true, false, true, false, false, false, true].map((enough) => {
      cost.update(enough);
      return cost.value;
    });
    const low = 2 * 2 ** -1.5;
    expect(told).toEqual([1, 2, 2, 2, 2, 2, low, low, low]);
  });

  it("calls an outlier what lies far below the median, in deviations", () => {
    // Median 50, deviations 0, 2, 2, 3, 40: their median 2.
    const indices = anomalyIndices([50, 52, 48, 53, 10]);
    expect(indices[4]).toBeCloseTo(40 / (1.4826 * 2), 12);
    expect(indices[3]).toBeLessThan(0);
    expect(indices.filter((i) => i > 2)).toHaveLength(1);
    expect(anomalyIndices([7, 7, 7, 7])).toEqual([0, 0, 0, 0]);
  });
});

it("says what it costs by the classes", () => {
  const options = neuralCleanse.options.fill({ searchEpochs: 6, unlearnEpochs: 3 });
  expect(neuralCleanse.passes(options, imageSet(tinySet(3, 1)))).toBeCloseTo(
    3 * 6 * (2 / 3) + 3,
    12,
  );
});
