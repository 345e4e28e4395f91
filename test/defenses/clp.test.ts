import { describe, expect, it } from "vitest";
import {
  channelBounds,
  largestSingularValue,
  normsBehindConvolutions,
  outliers,
} from "../../src/defenses/clp.js";
import { channelLipschitzness } from "../../src/defenses/index.js";
import { openDevice } from "../../src/device/open.js";
import { Classifier } from "../../src/models/classifier.js";
import { BatchNorm2d, Conv2d, Linear } from "../../src/nn/layers.js";
import { place } from "../../src/nn/place.js";
import { loadStateDict, stateDict } from "../../src/nn/state-dict.js";
import { globalAvgPool } from "../../src/ops/pool2d.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { dataOf, fixtureVictim, norm } from "../support/defenses.js";
import { useDevice } from "../support/devices.js";
import { readFixture } from "../support/fixtures.js";
import { tinyModel, tinySet } from "../support/tiny.js";
import { values } from "../support/values.js";

/** A norm before each convolution, the first of them on the images: none follows its neighbour. */
class PreActivation extends Classifier {
  readonly conv1 = new Conv2d(3, 4, 3, { padding: 1, bias: false, image: true });
  readonly bn1 = new BatchNorm2d(4);
  readonly bn2 = new BatchNorm2d(4);
  readonly conv2 = new Conv2d(4, 4, 3, { padding: 1, bias: false });
  readonly bn3 = new BatchNorm2d(4);
  readonly head = new Linear(4, 3);

  features(x: Tensor): Tensor {
    const y = this.bn1.apply(this.conv1.forward(x), { relu: true });
    const z = this.conv2.forward(this.bn2.apply(y, { relu: true }));
    return globalAvgPool(this.bn3.apply(z, { residual: y }));
  }
}

describe("channel Lipschitzness (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("bounds channels as PyTorch's singular values do", async () => {
    const { model, placement } = fixtureVictim(device());
    const state = await stateDict(model);
    placement.release();
    const expected = (readFixture("defenses.json") as { clp: Record<string, number[]> }).clp;
    for (const [conv, norm] of [
      ["conv1", "bn1"],
      ["layer2.0.conv2", "layer2.0.bn2"],
      ["layer2.0.shortcut.0", "layer2.0.shortcut.1"],
    ]) {
      const tensor = state.get(`${conv}.weight`);
      const variance = dataOf(state, `${norm}.running_var`);
      const bounds = channelBounds(
        tensor?.data as Float32Array,
        tensor?.shape ?? [],
        dataOf(state, `${norm}.weight`),
        (k) => Math.sqrt((variance[k] ?? 0) + 1e-5),
      );
      const exact = expected[conv ?? ""] ?? [];
      expect(exact.length).toBe(bounds.length);
      exact.forEach((s, k) => {
        expect(Math.abs((bounds[k] ?? 0) / s - 1), `${conv} ${k}`).toBeLessThan(1e-6);
      });
    }
  });

  it("pairs each norm with the convolution it follows, also in a pre-activation network", () => {
    const model = new PreActivation();
    const placement = place(model, device(), { seed: 1 });
    model.eval();
    const pairs = normsBehindConvolutions(model, { height: 6, width: 5 });
    placement.release();
    expect(pairs.length).toBe(2);
    expect(pairs[0]?.[0]).toBe(model.conv1);
    expect(pairs[0]?.[1]).toBe(model.bn1);
    expect(pairs[1]?.[0]).toBe(model.conv2);
    expect(pairs[1]?.[1]).toBe(model.bn3);
  });

  it("zeroes scale and shift of the outlying channel alone, for good, looking at no image", async () => {
    const { model, placement } = tinyModel(device());
    const state = await stateDict(model);
    const name = "layer3.1.bn2";
    const gamma = dataOf(state, `${name}.weight`);
    gamma[5] = 40;
    loadStateDict(model, state);
    // Pixels are never asked for.
    const unseen = {
      ...tinySet(3, 1),
      images: undefined,
      read: () => {
        throw new Error("CLP read an image");
      },
    };
    const { images: _, ...source } = unseen;
    await channelLipschitzness.run(model, source, { u: 3 });
    const after = await stateDict(model);
    const copy = tinyModel(device(), 7);
    loadStateDict(copy.model, after);
    const reloaded = await stateDict(copy.model);
    for (const p of [placement, copy.placement]) p.release();
    for (const part of ["weight", "bias"]) {
      expect(dataOf(reloaded, `${name}.${part}`)[5]).toBe(0);
    }
    const zeros = (s: typeof state) =>
      [...s].flatMap(([key, { data }]) =>
        key.endsWith("weight") && data.length > 3
          ? [...data].flatMap((v, i) => (v === 0 ? [`${key} ${i}`] : []))
          : [],
      );
    expect(zeros(after).filter((where) => !zeros(state).includes(where))).toEqual([
      `${name}.weight 5`,
    ]);
  });
});

it("takes the largest singular value, of any shape", () => {
  // u v^T has one singular value, the product of the norms.
  const [u, v] = [values([7], 1), values([5], 2)];
  const outer = [...u].flatMap((a) => [...v].map((b) => a * b));
  expect(largestSingularValue(outer, 7, 5)).toBeCloseTo(norm(u) * norm(v), 10);
  expect(largestSingularValue([3, 0, 0, -4], 2, 2)).toBeCloseTo(4, 12);
  expect(largestSingularValue([0, 0], 1, 2)).toBe(0);
});

it("prunes above the mean by u deviations of a sample", () => {
  const bounds = Float64Array.of(1, 1, 1, 1, 6);
  // Mean 2, deviation sqrt(20 / 4): 4.0 is 1.789 deviations.
  expect(outliers(bounds, 1.78)).toEqual([4]);
  expect(outliers(bounds, 1.8)).toEqual([]);
});

it("costs nothing", () => {
  expect(channelLipschitzness.passes(channelLipschitzness.options.fill(), tinySet(3, 1))).toBe(0);
});
