import { describe, expect, it } from "vitest";
import { featureMeans } from "../../src/defenses/fp.js";
import { finePruning } from "../../src/defenses/index.js";
import { openDevice } from "../../src/device/open.js";
import { dataOf, purified, resumesBitForBit } from "../support/defenses.js";
import { useDevice } from "../support/devices.js";
import { tinyModel, tinySet } from "../support/tiny.js";

const small = {
  ...{ epochs: 2, batchSize: 16, holdOut: 0.3, drop: 0.5 },
  augmentation: { pad: 1, flip: true },
};

describe("fine-pruning (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("prunes the features that the images excite least and keeps them pruned", async () => {
    const { model, placement } = tinyModel(device());
    model.eval();
    const set = tinySet(30, 2);
    const means = await featureMeans(model, set);
    placement.release();
    const stages: string[] = [];
    const { before, after } = await purified(device(), finePruning, small, {
      onStage: (stage) => void stages.push(stage),
    });
    const weight = dataOf(after, "linear.weight");
    const width = means.length;
    const pruned = Array.from(means.keys()).filter((j) =>
      [0, 1, 2].every((k) => weight[k * width + j] === 0),
    );
    expect(dataOf(before, "linear.weight").some((w) => w === 0)).toBe(false);
    expect(pruned.length).toBeGreaterThan(0);
    expect(pruned.length).toBeLessThan(width);
    expect([stages[0], stages[2]]).toEqual([
      "pruning",
      `tuning with ${pruned.length} features pruned`,
    ]);
    expect(stages[1]).toMatch(/^0[.\d]* chosen: /);
    // The ranking is by the images that are not held out, so the border may differ by a few.
    const least = [...means.keys()].sort((a, b) => (means[a] ?? 0) - (means[b] ?? 0));
    const firsts = new Set(least.slice(0, pruned.length + 3));
    expect(pruned.filter((j) => !firsts.has(j))).toEqual([]);
  });

  it("means each feature over all images, whatever the batches", async () => {
    const { model, placement } = tinyModel(device());
    model.eval();
    const [all, one, two] = [tinySet(300, 2), tinySet(300, 2), tinySet(300, 2)];
    const cut = 256 * 9 * 9 * 3;
    const first = { ...one, images: one.images.slice(0, cut), labels: one.labels.slice(0, 256) };
    const last = { ...two, images: two.images.slice(cut), labels: two.labels.slice(256) };
    const means = await featureMeans(model, all);
    const [a, b] = [await featureMeans(model, first), await featureMeans(model, last)];
    placement.release();
    means.forEach((mean, j) => {
      const expected = (256 * (a[j] ?? 0) + 44 * (b[j] ?? 0)) / 300;
      expect(Math.abs(mean - expected)).toBeLessThan(1e-5 * (1 + Math.abs(expected)));
    });
    expect(Math.max(...means)).toBeGreaterThan(0.01);
  });

  it("goes on after a pause bit for bit", () => resumesBitForBit(device(), finePruning, small));
});

it("refuses a share that holds everything out", () => {
  expect(() => finePruning.options.fill({ holdOut: 1 })).toThrow(
    /fp: holdOut must be a number above/,
  );
});
