import { describe, expect, it } from "vitest";
import { distanceDriven } from "../../src/defenses/index.js";
import { openDevice } from "../../src/device/open.js";
import {
  dataOf,
  defensesFixture,
  fixtureLoop,
  followsPyTorch,
  norm,
  purified,
  resumesBitForBit,
} from "../support/defenses.js";
import { describeOnDevices, useDevice } from "../support/devices.js";

const small = { epochs: 2, batchSize: 16, augmentation: { pad: 1, flip: true } };

describeOnDevices("D3", (device) => {
  it.each(defensesFixture().d3.map((one) => [one.options, one] as const))(
    "takes PyTorch's steps with %o",
    ({ weight: lambda, eps }, expected) =>
      followsPyTorch(
        device(),
        distanceDriven,
        { ...fixtureLoop, lambda, eps, epochs: 3 },
        expected,
      ),
  );
});

describe("D3 (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("drives the head away at its norm as far as the clean loss lets it", async () => {
    const distance = async (lambda: number, eps: number): Promise<number> => {
      const options = { ...small, epochs: 5, lr: 0.1, lambda, eps };
      const { before, after } = await purified(device(), distanceDriven, options);
      const [w, original] = [dataOf(after, "linear.weight"), dataOf(before, "linear.weight")];
      expect(Math.abs(norm(w) / norm(original) - 1)).toBeLessThan(1e-6);
      return norm(w.map((x, i) => x - (original[i] ?? 0))) / norm(original);
    };
    // Opposite is 2, orthogonal the root of 2.
    const free = await distance(0.9, 100);
    expect(free).toBeGreaterThan(1.7);
    expect(await distance(1000, 0)).toBeLessThan(1.6);
  });

  it("goes on after a pause bit for bit", () => resumesBitForBit(device(), distanceDriven, small));
});

it("refuses a weight that forgets the clean loss", () => {
  const { options } = distanceDriven;
  expect(() => options.fill({ lambda: 0 })).toThrow(/d3: lambda must be a number above 0, not 0/);
});
