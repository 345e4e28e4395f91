import { expect, it } from "vitest";
import {
  featureShiftTuning,
  featureTuning,
  fineTuning,
  fineTuningInit,
  linearProbing,
} from "../../src/defenses/index.js";
import type { StateDict } from "../../src/io/state-dict.js";
import { resnet18 } from "../../src/models/resnet.js";
import { place } from "../../src/nn/place.js";
import { loadStateDict, stateDict } from "../../src/nn/state-dict.js";
import { describeOnDevices } from "../support/devices.js";
import { trainingFixture } from "../support/training-fixture.js";
import { headOf, redrawnHead, tuningFixture, tuningImages } from "../support/tuning-fixture.js";

const fixture = tuningFixture();
const { width, classes, count, epochs, lr, momentum, alpha } = fixture;
const set = tuningImages(fixture);
const methods = [
  ["ft", fineTuning],
  ["lp", linearProbing],
  ["fe", featureTuning],
  ["ft_init", fineTuningInit],
  ["fst", featureShiftTuning],
] as const;

const victim = (): StateDict => {
  const state: StateDict = new Map();
  for (const [name, { shape, data }] of trainingFixture().initialState) {
    state.set(name, { dtype: "F32", shape, data });
  }
  return state;
};
const headIn = (state: StateDict, part: "weight" | "bias" = "weight"): Float32Array =>
  state.get(`linear.${part}`)?.data as Float32Array;
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
const norm = (a: ArrayLike<number>): number => Math.sqrt(dot(a, a));

/** About three times what PyTorch's float32 runs stray from float64. */
const bar = 2e-6;

describeOnDevices("four steps of tuning beside PyTorch", (device) => {
  it.each(methods)("%s: losses, head and its place beside the original", async (name, method) => {
    const model = resnet18({ width, classes });
    const placement = place(model, device(), { seed: 0 });
    const before = victim();
    loadStateDict(model, before);
    const losses: number[] = [];
    const options = {
      ...{ epochs, lr, momentum, alpha, batchSize: count, seed: 0 },
      augmentation: { pad: 0, flip: false },
    };
    await method.run(model, set, options, { onEpoch: ({ loss }) => void losses.push(loss) });
    const after = await stateDict(model);
    placement.release();
    const expected = fixture.methods[name];

    expect(losses.length).toBe(epochs);
    expected.losses64.forEach((loss, step) => {
      const apart = Math.abs((losses[step] ?? Number.NaN) - loss);
      expect(apart, `step ${step}`).toBeLessThan(bar);
    });
    const head = headOf(expected);
    const found = headIn(after);
    expect(norm(found.map((w, i) => w - (head[i] ?? 0))) / norm(head)).toBeLessThan(bar);
    const original = headIn(before);
    expect(Math.abs(dot(found, original) - expected.along64)).toBeLessThan(bar);
    expect(Math.abs(norm(found) / norm(original) - 1)).toBeLessThan(1e-6);
  });

  it("draws the head that PyTorch's runs start from", async () => {
    const model = resnet18({ width, classes });
    const placement = place(model, device(), { seed: 0 });
    loadStateDict(model, victim());
    const still = { lr: 1e-30, epochs: 1, batchSize: count, seed: 0, projection: "fst" } as const;
    await fineTuningInit.run(model, set, still);
    const after = await stateDict(model);
    placement.release();
    const drawn = redrawnHead();
    expect([...headIn(after)]).toEqual(drawn.weight.values);
    expect([...headIn(after, "bias")]).toEqual(drawn.bias.values);
  });
});
