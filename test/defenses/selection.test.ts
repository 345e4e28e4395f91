import { describe, expect, it } from "vitest";
import { classCounts } from "../../src/data/image-set.js";
import { replaceImages, subset } from "../../src/data/image-source.js";
import {
  adversarialPruning,
  finePruning,
  reconstructivePruning,
} from "../../src/defenses/index.js";
import { applyStrongest, holdOut, strongest } from "../../src/defenses/selection.js";
import { openDevice } from "../../src/device/open.js";
import { Classifier } from "../../src/models/classifier.js";
import { resnet18 } from "../../src/models/resnet.js";
import { Linear } from "../../src/nn/layers.js";
import { place } from "../../src/nn/place.js";
import { add, mean, mul, reshape, sum } from "../../src/ops/index.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { accuracy, predict } from "../../src/training/predict.js";
import { useDevice } from "../support/devices.js";
import { tinySet } from "../support/tiny.js";

/**
 * Thresholds of a pruning defense as they may come out: the accuracy on held-out clean images and the
 * test set's attack success, which only an examiner knows.
 */
const outcomes = [
  { threshold: 0.1, accuracy: 0.9, attackSuccess: 0.97 },
  { threshold: 0.2, accuracy: 0.885, attackSuccess: 0.4 },
  { threshold: 0.3, accuracy: 0.87, attackSuccess: 0.02 },
  { threshold: 0.4, accuracy: 0.865, attackSuccess: 0.09 },
  { threshold: 0.5, accuracy: 0.8, attackSuccess: 0 },
];
const before = 0.905;
const measure = async ({ accuracy }: { accuracy: number }) => accuracy;

describe("the rule by which a defense chooses its strength", () => {
  it("takes the strongest setting within the drop, not that with the least attack success", async () => {
    const { setting, accuracy } = await strongest(outcomes, before, 0.05, measure);
    const allowed = outcomes.filter((o) => o.accuracy >= before - 0.05);
    const byTestSet = allowed.reduce((a, b) => (b.attackSuccess < a.attackSuccess ? b : a));
    expect(byTestSet.threshold).toBe(0.3);
    expect(setting?.threshold).toBe(0.4);
    expect(accuracy).toBe(0.865);
    expect(setting?.attackSuccess).toBeGreaterThan(byTestSet.attackSuccess);
  });

  it("counts a drop of just as much as is allowed, and none where the weakest costs too much", async () => {
    const exact = await strongest(outcomes, 0.9, 0.1, measure);
    expect(exact.setting?.threshold).toBe(0.5);
    const none = await strongest(outcomes, 0.99, 0.01, measure);
    expect(none).toEqual({ setting: null, accuracy: 0.99, before: 0.99 });
  });

  it("measures no more settings than it must", async () => {
    const asked: number[] = [];
    await strongest(outcomes, before, 0.05, async ({ threshold, accuracy }) => {
      asked.push(threshold);
      return accuracy;
    });
    expect(asked).toEqual([0.5, 0.4]);
  });

  it("holds out a share of each class, the same for the same seed, and nothing twice", () => {
    const set = tinySet(60, 4);
    const { rest, held } = holdOut(set, 0.2, 1);
    expect(classCounts(held)).toEqual([4, 4, 4]);
    expect(classCounts(rest)).toEqual([16, 16, 16]);
    expect(holdOut(set, 0.2, 1).held.images).toEqual(held.images);
    expect(holdOut(set, 0.2, 2).held.images).not.toEqual(held.images);
    expect(() => holdOut(tinySet(6, 4), 0.05, 1)).toThrow(
      /fraction 0.05 of 6 images .* gives none/,
    );
  });
});

it.each([adversarialPruning, reconstructivePruning, finePruning])(
  "refuses images of which none can be held out before anything is written: $name",
  async (defense) => {
    const device = await openDevice({ kind: "cpu" });
    const options = defense.options.fill({ holdOut: 0.05 } as never);
    const check = () => defense.check?.(device, tinySet(6, 1), options as never);
    expect(check).toThrow(/fraction 0.05 of 6 images .* gives none/);
    await device.destroy();
  },
);

/** Tells classes by their bright channel, and has a neuron that a bright corner excites. */
class Cornered extends Classifier {
  readonly head = new Linear(4, 3);

  features(x: Tensor): Tensor {
    const [, h = 1, w = 1] = x.shape;
    const corner = Float32Array.from({ length: h * w }, (_, i) => (i === h * w - 1 ? 1 : 0));
    const spot = sum(mul(x, tensor(x.device, corner, [h, w, 1])), [1, 2, 3]);
    const last = tensor(x.device, [0, 0, 0, 1], [1, 4]);
    return add(mean(x, [1, 2]), mul(reshape(spot, [x.shape[0] ?? 1, 1]), last));
  }
}

describe("a setting in force (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("is not the one that a test set's attack success would choose", async () => {
    const model = new Cornered();
    const placement = place(model, device(), { seed: 0 });
    model.eval();
    // A setting lowers the corner's weight for class 0 and, in its place, raises the class itself.
    const settings = [
      { corner: 3.5, bias: 0 },
      { corner: 0, bias: 0 },
      { corner: 0, bias: 16 },
      { corner: 0, bias: 18 },
    ];
    const apply = (s: { corner: number; bias: number } | null): void => {
      const { corner, bias } = s ?? { corner: 4, bias: 0 };
      model.head.weight.value.write([10, 0, 0, corner, 0, 10, 0, 0, 0, 0, 10, 0]);
      model.head.bias?.value.write([bias, 0, 0]);
    };
    const test = tinySet(300, 8);
    const others = [...test.labels.keys()].filter((i) => test.labels[i] !== 0);
    const stamp = (image: Uint8Array): Uint8Array => image.fill(255, image.length - 3);
    const all = Uint32Array.from(others.keys());
    const triggered = replaceImages(subset(test, others), all, stamp);
    const held = tinySet(200, 5);
    const outcomes: { accuracy: number; attackSuccess: number }[] = [];
    for (const setting of settings) {
      apply(setting);
      const given = await predict(model, triggered);
      const attackSuccess = given.filter((c) => c === 0).length / given.length;
      outcomes.push({ accuracy: accuracy(await predict(model, held), held.labels), attackSuccess });
    }
    const found = await applyStrongest(model, held, settings, 0.05, apply);
    placement.release();
    const within = outcomes.map((o) => o.accuracy >= found.before - 0.05);
    expect(within).toEqual([true, true, true, false]);
    const byAttack = [0, 1, 2].sort(
      (a, b) => (outcomes[a]?.attackSuccess ?? 1) - (outcomes[b]?.attackSuccess ?? 1),
    )[0];
    expect(byAttack).toBe(1);
    expect(outcomes[1]?.attackSuccess).toBe(0);
    expect(outcomes[2]?.attackSuccess).toBeGreaterThan(0);
    expect(found.setting).toBe(settings[2]);
  });

  it("is the chosen one, and none where none is allowed", async () => {
    const model = resnet18({ width: 4, classes: 3 });
    const placement = place(model, device(), { seed: 3 });
    model.eval();
    const bias = model.linear.bias?.value;
    const applied: (number | null)[] = [];
    // A bias of 1000 makes a class of everything: a third is right.
    const apply = (by: number | null): void => {
      applied.push(by);
      bias?.write([by ?? 0, 0, 0]);
    };
    const held = tinySet(30, 5);
    const told: string[] = [];
    const hooks = { onStage: (stage: string) => void told.push(stage) };
    const kept = await applyStrongest(model, held, [1000], 1, apply, hooks);
    expect(told[0]).toMatch(/^1000 chosen: 33.3% right of the images held out, [\d.]+% before$/);
    expect(kept.accuracy).toBeCloseTo(1 / 3, 12);
    expect(applied).toEqual([null, 1000, 1000]);
    const allRed = { ...held, labels: held.labels.map(() => 1) };
    apply(null);
    bias?.write([0, 1000, 0]);
    const right = (by: number | null): void => {
      applied.push(by);
      bias?.write([by ?? 0, 1000, 0]);
    };
    applied.length = 0;
    const none = await applyStrongest(model, allRed, [2000], 0.5, right, hooks);
    placement.release();
    expect(none).toEqual({ setting: null, accuracy: 1, before: 1 });
    expect(applied).toEqual([null, 2000, null]);
    expect(told[1]).toBe(
      "none chosen: even the weakest costs more of the 100.0% on images held out",
    );
  });
});
